-- Deletes what some names have counted on a day, at every level, and takes them out of the set of the day.
--
-- KEYS  the set of the day
-- ARGV  prefix of days, suffix of the hash of hours, prefix of visitors, then names
for i = 4, #ARGV do
  local name = ARGV[i]
  local hours = 'track:' .. name .. ARGV[2]
  redis.call('DEL', ARGV[1] .. name, hours, ARGV[3] .. name)
  for hour = 0, 23 do redis.call('DEL', hours .. ':' .. hour) end
  redis.call('SREM', KEYS[1], name)
end
return {}
