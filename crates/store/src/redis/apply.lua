-- Applies one batch, all or nothing and exactly once.
--
-- KEYS  tallymark:store, tallymark:applied, changes
-- ARGV  store, instance, nonce, seq, seconds that minutes are kept, seconds that hours are kept, seconds of the log,
--       n, then n words of an entry of the log (event, its names, event, its names...),
--       how many statuses a hash may have, n, then n words of statuses: the hash of the year, the month, the status and
--       its count; then sections:
--       prefix of totals, prefix of days, set, set of the day, suffix of the hash of hours, hour, minute, n, and
--       n times a name and its count. Without a set the names are aggregates; without an hour only the day is known.
--
-- Numbers stay text: those of Lua are exact only up to 2^53.
local A, pcall = ARGV, redis.pcall
local EXACT, MAX = 9007199254740992, '9223372036854775807'

if redis.call('HGET', KEYS[1], 'uuid') ~= A[1] then return {'FOREIGN'} end
local marker = redis.call('HGET', KEYS[2], A[2])
local at = '0'
if marker then
  local nonce, seq = string.match(marker, '^(%x+%-%x+%-%x+%-%x+%-%x+):(%d+)$')
  if not nonce then return {'MARKER', marker} end
  -- A lower nonce: the claim went with a lost tail. See claim.rs.
  if nonce > A[3] then return {'FENCED'} end
  at = seq
end
if tonumber(A[4]) <= tonumber(at) then return {'DUPLICATE'} end
if tonumber(A[4]) ~= tonumber(at) + 1 then return {'GAP', at} end

local now = redis.call('TIME')[1]

-- First of all writes, and with `call`: if this server cannot write now, it says so before anything is counted.
-- Nothing behind it may raise an error, for what is written before one stays.
redis.call('HSET', KEYS[2], A[2], A[3] .. ':' .. A[4])

local bad, quarantined, why = {}, 0, ''
local function quarantine(key, reply)
  if not bad[key] then
    bad[key] = true
    quarantined = quarantined + 1
    if why == '' then why = key .. ': ' .. tostring(reply.err) end
  end
end

local function overflows(reply)
  return type(reply) == 'table' and string.find(tostring(reply.err), 'overflow', 1, true)
end

-- Adds n (c as a number) to a string. Answers the sum, and whether there was nothing before.
local function add(key, n, c)
  local sum = pcall('INCRBY', key, n)
  if type(sum) == 'number' then
    if sum < EXACT then return sum, sum == c end
    sum = pcall('GET', key)
    return sum, sum == n
  end
  if overflows(sum) then
    pcall('SET', key, MAX)
    return MAX, false
  end
  quarantine(key, sum)
  return 0, false
end

-- The same for a field of a hash, which expires some time after the last new field.
local function add_field(key, field, n, c, keep)
  local sum = pcall('HINCRBY', key, field, n)
  if sum == c then
    pcall('EXPIRE', key, keep)
  elseif type(sum) ~= 'number' then
    if overflows(sum) then pcall('HSET', key, field, MAX) else quarantine(key, sum) end
  end
end

-- The same for a status, of which a hash has a limited number: one too many counts as ~overflow.
local OVER = '~overflow'
local function add_status(key, status, n, c, most)
  local sum = pcall('HINCRBY', key, status, n)
  if sum == c and status ~= OVER then
    local length = pcall('HLEN', key)
    if type(length) == 'number' and length > most then
      pcall('HDEL', key, status)
      status = OVER
      sum = pcall('HINCRBY', key, status, n)
    end
  end
  if type(sum) ~= 'number' then
    if overflows(sum) then pcall('HSET', key, status, MAX) else quarantine(key, sum) end
  end
end

local function join(set, name)
  local reply = pcall('SADD', set, name)
  if type(reply) ~= 'number' then quarantine(set, reply) end
end

-- A thousand words at a time: Lua hands over no more than some 8,000.
local i = 9 + A[8]
for from = 9, i - 1, 1000 do
  local command = {'XADD', KEYS[3], 'MINID', '~', string.format('%.0f-0', (now - A[7]) * 1000), '*'}
  for j = from, math.min(from + 999, i - 1) do command[#command + 1] = A[j] end
  local reply = pcall(unpack(command))
  if type(reply) == 'table' and reply.err then
    quarantine(KEYS[3], reply)
  elseif tonumber(string.match(reply, '^%d+')) > (now + 600) * 1000 then
    -- The clock was ahead once. Ids never go back, so from then on they say nothing about the time.
    pcall('XTRIM', KEYS[3], 'MAXLEN', '~', 10000)
  end
end

local most, statuses = tonumber(A[i]), i + 1 + A[i + 1]
for j = i + 2, statuses, 4 do
  local year, n = A[j], A[j + 3]
  local c = tonumber(n)
  add_status(year, A[j + 2], n, c, most)
  add_status(year .. ':' .. A[j + 1], A[j + 2], n, c, most)
end
i = statuses + 1

local totals, count, keep_minutes, keep_hours = {}, 0, A[5], A[6]
local length = #A
while i < length do
  local total_prefix, day_prefix, set, day_set = A[i], A[i + 1], A[i + 2], A[i + 3]
  local hours, hour, minute, last = A[i + 4], A[i + 5], A[i + 6], i + 7 + 2 * A[i + 7]
  local minutes = hours .. ':' .. hour
  for j = i + 8, last, 2 do
    local name, n = A[j], A[j + 1]
    local c = tonumber(n)
    local total, new = add(total_prefix .. name, n, c)
    count = count + 1
    totals[count] = total
    if new and set ~= '' then join(set, name) end
    local _, new_day = add(day_prefix .. name, n, c)
    if new_day and set ~= '' then join(day_set, name) end
    if hour ~= '' then
      local track = 'track:' .. name
      add_field(track .. hours, hour, n, c, keep_hours)
      add_field(track .. minutes, minute, n, c, keep_minutes)
    end
  end
  i = last + 1
end
return {'APPLIED', quarantined, why, totals}
