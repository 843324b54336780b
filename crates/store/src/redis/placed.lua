-- Says whether the positions are all there: whoever writes some, writes beside the identity how many there are.
--
-- KEYS  tallymark:store, tallymark:positions
local known = redis.call('HGET', KEYS[1], 'positions')
if known and tonumber(known) ~= redis.call('HLEN', KEYS[2]) then return {'UNPLACED'} end
return {'OK'}
