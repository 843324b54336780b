-- Forgets instances, unless they have been claimed since they were looked at.
--
-- KEYS  tallymark:applied
-- ARGV  instances, and the marker of each as it was read
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return {}
