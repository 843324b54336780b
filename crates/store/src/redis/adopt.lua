-- Repairs a store so that counting can continue: restores the identity or the marker that was deleted, and treats the
-- existing positions as complete.
--
-- KEYS  tallymark:store, tallymark:applied, tallymark:positions, then the same keys of counts as for claim.lua
-- ARGV  the identity for a store without one; then, if there is one, an instance, the number of its last batch that the
--       store had applied, and the value of its marker, if that cannot be read
--
-- The nonce is the lowest possible, so the process that claimed the instance continues.
local there = redis.call('HLEN', KEYS[3])
local uuid = redis.call('HGET', KEYS[1], 'uuid')
-- Without an identity, but with counts: somebody deleted keys of ours, and not the counts. What was applied is there. In
-- a Redis that was emptied nothing of ours is.
local kept = not uuid and redis.call('EXISTS', unpack(KEYS, 4)) > 0
if not uuid then
  uuid = ARGV[1]
  redis.call('HSET', KEYS[1], 'uuid', uuid, 'schema', '1', 'partitions', '1')
end
local marker = ARGV[2] and redis.call('HGET', KEYS[2], ARGV[2])
if ARGV[2] and (not marker or marker == ARGV[4]) then
  local seq = (kept or redis.call('HGET', KEYS[1], 'claimed:' .. ARGV[2])) and ARGV[3] or '0'
  redis.call('HSET', KEYS[2], ARGV[2], '00000000-0000-0000-0000-000000000000:' .. seq)
end
redis.call('HSET', KEYS[1], 'positions', there)
return {'OK', uuid}
