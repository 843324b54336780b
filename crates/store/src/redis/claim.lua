-- Recognises the store, and takes the right to apply the batches of an instance.
--
-- KEYS  tallymark:store, tallymark:applied, then keys that only counts of ours make
-- ARGV  the identity for a store without one; then, to claim: instance, its marker as it was read, its new marker;
--       then a command per line whose arguments make it fail without an effect, if it is allowed at all
--
-- A store that ghit.me has filled gets its identity here, beside what it holds; one that we have filled has lost it. An instance is remembered beside the
-- identity as well, so that a marker that was deleted is told from one that went with a lost tail: see claim.rs.
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
  if redis.call('EXISTS', unpack(KEYS, 2)) > 0 then return {'UNIDENTIFIED'} end
  uuid = ARGV[1]
  redis.call('HSET', KEYS[1], 'uuid', uuid, 'schema', '1', 'partitions', '1')
end
if ARGV[2] then
  if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then return {'RACE'} end
  local claimed = 'claimed:' .. ARGV[2]
  if ARGV[3] == '' then
    if redis.call('HGET', KEYS[1], claimed) then return {'UNMARKED'} end
    if redis.call('EXISTS', KEYS[2]) == 0 then
      for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
        if string.find(field, 'claimed:', 1, true) == 1 then return {'UNMARKED'} end
      end
    end
  end
  -- Those of idempotency keys (UUID version 5) are forgotten after a while, so they are not remembered here.
  if string.sub(ARGV[2], 15, 15) ~= '5' then redis.call('HSET', KEYS[1], claimed, '1') end
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
end
return {'OK', uuid}
