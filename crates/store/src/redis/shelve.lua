-- Puts a thing on a shelf, always or in the place of what was read.
-- KEYS: the thing, the keys of the shelf.
-- ARGV: 'any', 'none' or 'same'; the time and the value that were read; those that are put; seconds until it expires,
-- or ''; its score; its key; the time in seconds.
-- Answers how many things the shelf has then, or -1 if another process was faster.
if ARGV[1] ~= 'any' then
    local there = redis.call('GET', KEYS[1])
    if ARGV[1] == 'none' and there or ARGV[1] == 'same' and there ~= ARGV[2] then
        return {-1}
    end
end
if ARGV[4] == '' then
    redis.call('SET', KEYS[1], ARGV[3])
else
    redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
end
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[7])
return {redis.call('ZCARD', KEYS[2])}
