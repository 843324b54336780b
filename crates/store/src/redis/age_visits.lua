-- Counts the visits of some names that are older than a time, and deletes them if that is wanted. Comes behind
-- `visits.lua`. A list has the latest first, in the order of their time; what is no list or no visit is left alone.
--
-- ARGV  the time, `delete` or nothing, prefix of the lists, then names
-- Answers how many, and the time of the oldest.
local old, oldest = 0, ''
for i = 4, #ARGV do
  local key = ARGV[3] .. ARGV[i]
  local last = redis.pcall('LRANGE', key, '-1', '-1')
  local time = not last.err and last[1] and time_of(last[1]) or ''
  if time ~= '' and time < ARGV[1] then
    if oldest == '' or time < oldest then oldest = time end
    local all = redis.pcall('LRANGE', key, '0', '-1')
    local left = #all
    while left > 0 and time_of(all[left]) ~= '' and time_of(all[left]) < ARGV[1] do left = left - 1 end
    old = old + #all - left
    if ARGV[2] == 'delete' then
      if left == 0 then redis.call('LTRIM', key, '1', '0') else redis.call('LTRIM', key, '0', left - 1) end
    end
  end
end
return {old, oldest}
