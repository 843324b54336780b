-- Says whether all positions are there: each write of positions also stores their number next to the identity.
--
-- KEYS  tallymark:store, tallymark:positions
local known = redis.call('HGET', KEYS[1], 'positions')
if known and tonumber(known) ~= redis.call('HLEN', KEYS[2]) then return {'UNPLACED'} end
return {'OK'}
