-- Recognises the store, and takes the right to apply the batches of an instance.
--
-- KEYS  tallymark:store, tallymark:applied
-- ARGV  the identity for a store without one; then, to claim: instance, its marker as it was read, its new marker;
--       then a command per line whose arguments make it fail without an effect, if it is allowed at all
--
-- A store that ghit.me has filled gets its identity here, beside what it holds.
local function denied(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  return string.find(reply.err, 'NOPERM', 1, true) or string.find(reply.err, 'ACL failure', 1, true)
    or string.find(reply.err, 'The user executing the script', 1, true)
end

for i = 5, #ARGV do
  local command = {}
  for word in string.gmatch(ARGV[i], '%S+') do command[#command + 1] = word end
  if denied(redis.pcall(unpack(command))) then return {'DENIED', ARGV[i]} end
end

local schema = redis.call('HGET', KEYS[1], 'schema')
if schema and not (tonumber(schema) and tonumber(schema) <= 1) then return {'SCHEMA', schema} end
local partitions = redis.call('HGET', KEYS[1], 'partitions')
if partitions and partitions ~= '1' then return {'PARTITIONS', partitions} end
local uuid = redis.call('HGET', KEYS[1], 'uuid')
if not uuid then
  uuid = ARGV[1]
  redis.call('HSET', KEYS[1], 'uuid', uuid, 'schema', '1', 'partitions', '1')
end
if ARGV[2] then
  if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then return {'RACE'} end
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
end
return {'OK', uuid}
