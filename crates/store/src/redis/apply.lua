-- Applies one batch, all or nothing and exactly once. Comes behind `guard.lua`.
--
-- KEYS  tallymark:store, tallymark:applied, changes, tallymark:positions, tallymark:events, and tallymark:owed if hours and
--       minutes come later
-- ARGV  store, instance, nonce, seq (with `:` and the digest of a request's body behind it, if there is one),
--       seconds that minutes are kept, that hours are kept, and that visitors are kept, seconds of the log,
--       n, then n words of an entry of the log (event, its names, event, its names...),
--       how many statuses a hash may have, n, then n words of statuses: the hash of the year, the month, the status and
--       its count; how many visits of a name stay (0: there are none), n, then n words: prefix of the lists, and the
--       visits as a MessagePack array of name, how many, visit, visit..., the latest last; n, then n words: prefix of the
--       visitors of a day, and these in the same form; n, then n words of positions:
--       source and state, which is empty to delete it; then sections:
--       prefix of totals, prefix of days, set, set of the day, suffix of the hash of hours, hour, minute, whether that
--       is past, and the cells as a MessagePack array of name, count, name, count... Without a set the names are
--       aggregates; without prefixes totals and days have been counted before; without an hour only the day is known, or
--       hours and minutes come later.
--
-- Numbers stay text: those of Lua are exact only up to 2^53.
local EXACT, MAX = 9007199254740992, '9223372036854775807'
local statuses_at = 10 + A[9]
local visits_at = statuses_at + 2 + A[statuses_at + 1]
local visitors_at = visits_at + 2 + A[visits_at + 1]
local positions_at = visitors_at + 1 + A[visitors_at]
local sections_at = positions_at + 1 + A[positions_at]
local has_positions = sections_at > positions_at + 1

local now = redis.call('TIME')[1]
-- Raises the error of a key of another type, while that still leaves everything as it was. And a deletion must be
-- noticed before something else is written there: see placed.lua.
if has_positions then
  local there = redis.call('HLEN', KEYS[4])
  local known = redis.call('HGET', KEYS[1], 'positions')
  if known and tonumber(known) ~= there then return {'UNPLACED'} end
end

-- First of all writes, and with `call`: if this server cannot write now, it says so before anything is counted.
-- Nothing behind it may raise an error: errors do not undo earlier writes.
redis.call('HSET', KEYS[2], A[2], A[3] .. ':' .. A[4])

-- What an ACL denies would be met in the middle of the batch, and could not be undone. So for each event that comes, one
-- write of each kind is tried first, which fails without an effect if it is allowed. Not before the marker: once a
-- script has written, Redis lets it go on in a full memory.
if visits_at > statuses_at + 2 then
  local year = A[statuses_at + 2]
  try('HINCRBY', year, '~probe', '-')
  try('HINCRBY', year .. ':' .. A[statuses_at + 3], '~probe', '-')
end
for j = visits_at + 2, visitors_at - 1, 2 do
  local list = A[j] .. '~probe'
  try('LRANGE', list, '-', '0')
  try('LTRIM', list, '-', '0')
  if not refused then
    try('LPUSH', list, '-')
    try('LTRIM', list, '1', '0')
  end
end
for j = visitors_at + 1, positions_at - 1, 2 do
  local visitors = A[j] .. '~probe'
  try('EXPIRE', visitors, '-')
  if not refused then
    try('PFADD', visitors)
    try('EXPIRE', visitors, '0')
  end
end
if has_positions then
  try('HINCRBY', KEYS[4], '~probe', '-')
  try('HDEL', KEYS[4], '~probe')
end
local tried, at_section = {}, sections_at
while at_section < #A do
  local total, set = A[at_section], A[at_section + 2]
  local kind = total ~= '' and total or A[at_section + 4]
  if not tried[kind] then
    tried[kind] = true
    local hours = 'track:~probe' .. A[at_section + 4]
    if total ~= '' then
      try('INCRBY', total .. '~probe', '-')
      try('INCRBY', A[at_section + 1] .. '~probe', '-')
    end
    try('HINCRBY', hours, 'x', '-')
    try('HINCRBY', hours .. ':0', 'x', '-')
    try('EXPIRE', hours, '-')
    if set ~= '' then
      try('SREM', set, '~probe')
      try('SREM', A[at_section + 3], '~probe')
      try('SADD', KEYS[1], '~probe')
      try('SREM', KEYS[5], '~probe')
    end
  end
  at_section = at_section + 9
end
try('XADD', KEYS[3], 'MINID', '~', '0-0', '0-0', '-', '-')
if refused then
  redis.call('HSET', KEYS[2], A[2], A[3] .. ':' .. done_seq .. done_body)
  return {'DENIED', refused}
end

-- No correction is applied until they are there.
if KEYS[6] then pcall('HSET', KEYS[6], A[2], next_seq) end

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

-- What INCRBY has answered where that is no exact number. Answers the sum.
local function odd(sum, key)
  if type(sum) == 'number' then return pcall('GET', key) end
  if overflows(sum) then
    pcall('SET', key, MAX)
    return MAX
  end
  quarantine(key, sum)
  return 0
end

-- The same for HINCRBY.
local function odd_field(sum, key, field)
  if overflows(sum) then pcall('HSET', key, field, MAX) else quarantine(key, sum) end
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

local function join(set, names)
  if #names == 0 then return end
  local reply = pcall('SADD', set, unpack(names))
  if type(reply) ~= 'number' then quarantine(set, reply) end
end

-- A thousand words at a time: Lua hands over no more than some 8,000.
for from = 10, statuses_at - 1, 1000 do
  local command = {'XADD', KEYS[3], 'MINID', '~', string.format('%.0f-0', (now - A[8]) * 1000), '*'}
  for j = from, math.min(from + 999, statuses_at - 1) do command[#command + 1] = A[j] end
  local reply = pcall(unpack(command))
  if type(reply) == 'table' and reply.err then
    quarantine(KEYS[3], reply)
  elseif tonumber(string.match(reply, '^%d+')) > (now + 600) * 1000 then
    -- The clock was ahead once. Ids never go back, so from then on they say nothing about the time.
    pcall('XTRIM', KEYS[3], 'MAXLEN', '~', 10000)
  end
end

local most = tonumber(A[statuses_at])
for j = statuses_at + 2, visits_at - 1, 4 do
  local year, n = A[j], A[j + 3]
  local c = tonumber(n)
  add_status(year, A[j + 2], n, c, most)
  add_status(year .. ':' .. A[j + 1], A[j + 2], n, c, most)
end

-- A key that holds no list is left alone, as with counters. A name has at most a thousand visits here, in the order of
-- their time.
local keep_visits = tonumber(A[visits_at])
for j = visits_at + 2, visitors_at - 1, 2 do
  local words, at = cmsgpack.unpack(A[j + 1]), 1
  while at < #words do
    local key, last = A[j] .. words[at], at + 1 + words[at + 1]
    local newest, earliest = pcall('LRANGE', key, '0', '0'), time_of(words[at + 2])
    -- Nearly always they are later than those that are there.
    if newest.err then
      quarantine(key, newest)
    elseif newest[1] and time_of(newest[1]) > earliest then
      put_in_order(key, pcall('LRANGE', key, '0', '-1'), {unpack(words, at + 2, last)}, keep_visits)
    else
      local reply = pcall('LPUSH', key, unpack(words, at + 2, last))
      if type(reply) ~= 'number' then
        quarantine(key, reply)
      elseif reply > keep_visits then
        pcall('LTRIM', key, '0', keep_visits - 1)
      end
    end
    at = last + 1
  end
end

-- Visitors are kept from when the last new one came.
for j = visitors_at + 1, positions_at - 1, 2 do
  local words, at = cmsgpack.unpack(A[j + 1]), 1
  while at < #words do
    local key, last = A[j] .. words[at], at + 1 + words[at + 1]
    local new = false
    for from = at + 2, last, 1000 do
      local reply = pcall('PFADD', key, unpack(words, from, math.min(from + 999, last)))
      if type(reply) ~= 'number' then quarantine(key, reply) else new = new or reply == 1 end
    end
    if new then pcall('EXPIRE', key, A[7]) end
    at = last + 1
  end
end

for j = positions_at + 1, sections_at - 1, 2 do
  local field, state = A[2] .. ' ' .. A[j], A[j + 1]
  local reply
  if state == '' then reply = pcall('HDEL', KEYS[4], field) else reply = pcall('HSET', KEYS[4], field, state) end
  if type(reply) ~= 'number' then quarantine(KEYS[4], reply) end
end
if has_positions then pcall('HSET', KEYS[1], 'positions', pcall('HLEN', KEYS[4])) end

-- Written out where functions would be shorter: this loop is what a hit costs Redis. A sum that is the count itself
-- shows that there was nothing before; what is past is kept from its last write on.
local totals, count, keep_minutes, keep_hours = {}, 0, A[5], A[6]
for at = sections_at, #A, 9 do
  local total_prefix, day_prefix, set, day_set = A[at], A[at + 1], A[at + 2], A[at + 3]
  local hours, hour, minute, late = A[at + 4], A[at + 5], A[at + 6], A[at + 7] == 'late'
  local cells = cmsgpack.unpack(A[at + 8])
  local minutes = hours .. ':' .. hour
  local fresh, fresh_today = {}, {}
  for j = 1, #cells, 2 do
    local name, n = cells[j], cells[j + 1]
    local c = tonumber(n)
    local key, sum
    if total_prefix ~= '' then
      key = total_prefix .. name
      sum = pcall('INCRBY', key, n)
      if type(sum) ~= 'number' or sum >= EXACT then
        sum = odd(sum, key)
        if sum == n then fresh[#fresh + 1] = name end
      elseif sum == c then
        fresh[#fresh + 1] = name
      end
      count = count + 1
      totals[count] = sum
      key = day_prefix .. name
      sum = pcall('INCRBY', key, n)
      if type(sum) ~= 'number' or sum >= EXACT then
        if odd(sum, key) == n then fresh_today[#fresh_today + 1] = name end
      elseif sum == c then
        fresh_today[#fresh_today + 1] = name
      end
    end
    if hour ~= '' then
      key = 'track:' .. name .. hours
      sum = pcall('HINCRBY', key, hour, n)
      if sum == c then
        pcall('EXPIRE', key, keep_hours)
      elseif type(sum) ~= 'number' then
        odd_field(sum, key, hour)
      elseif late then
        pcall('EXPIRE', key, keep_hours)
      end
      key = 'track:' .. name .. minutes
      sum = pcall('HINCRBY', key, minute, n)
      if sum == c then
        pcall('EXPIRE', key, keep_minutes)
      elseif type(sum) ~= 'number' then
        odd_field(sum, key, minute)
      elseif late then
        pcall('EXPIRE', key, keep_minutes)
      end
    end
  end
  if set ~= '' then
    join(set, fresh)
    if #fresh > 0 then join(KEYS[5], {string.match(set, '^names:(.*)$') or 'hit'}) end
    join(day_set, fresh_today)
  end
end
-- How long the next batches are to be whole.
local whole = tonumber(redis.call('HGET', KEYS[1], 'whole-until') or '') or 0
return {'APPLIED', quarantined, why, cmsgpack.pack(totals), math.max(0, whole - now)}
