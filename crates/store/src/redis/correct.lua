-- Corrects counts: one part of a correction, all or nothing and exactly once. Comes behind `guard.lua`.
--
-- KEYS  tallymark:store, tallymark:applied, changes, tallymark:events, tallymark:corrections, tallymark:undo,
--       tallymark:owed, tallymark:positions
-- ARGV  store, instance, nonce, seq, seconds that minutes, hours and visitors are kept, seconds of the log,
--       how many visits of a name stay, how many parts are remembered, the name of this one, its record (empty: it is not
--       remembered), its body;
--       then MessagePack arrays of
--       rows: kind, key, field, difference, set, member; a kind is t (total), d (day), h (hour), m (minute), s (status of a
--       month) or y (of its year), and aggregates have no set;
--       lists: key of the visits, key to which they go (empty: they are deleted), how many days have visitors, and for
--       each the key of the visitors and the key to which they go;
--       names that go if nothing is left: key of the total, set, member;
--       entries of the log of changes: event, names;
--       events, and by how much the total of all their names changes;
--       positions: source and state, which is empty to delete it;
--       positions of any instance that change: field, the state that it must have, and the new one.
--
-- Numbers stay text: those of Lua are exact only up to 2^53.
local rows, lists, gone = cmsgpack.unpack(A[14]), cmsgpack.unpack(A[15]), cmsgpack.unpack(A[16])
local log, sums, positions = cmsgpack.unpack(A[17]), cmsgpack.unpack(A[18]), cmsgpack.unpack(A[19])
local changes = cmsgpack.unpack(A[20])
local is_placing = #positions > 0 or #changes > 0

-- Whether one count, as text, is at least another.
local function covers(there, n) return #there > #n or (#there == #n and there >= n) end

-- Hours and minutes of hits that are to come would be written behind it.
if #rows > 0 and A[12] ~= '' and redis.call('EXISTS', KEYS[7]) == 1 then return {'OWED'} end

-- As in `apply.lua`: a deletion must be noticed before something else is written there.
if is_placing then
  local there, known = redis.call('HLEN', KEYS[8]), redis.call('HGET', KEYS[1], 'positions')
  if known and tonumber(known) ~= there then return {'UNPLACED'} end
end

-- Everything is looked at before anything is written.
local now = redis.call('TIME')[1]
for j = 1, #rows, 6 do
  local kind, key, field, by = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
  local there
  if field == '' then there = pcall('GET', key) else there = pcall('HGET', key, field) end
  if type(there) == 'table' then return {'WRONG', key, tostring(there.err)} end
  there = there or '0'
  local less = string.match(by, '^%-(%d+)$')
  if kind ~= 'y' then
    if not string.match(there, '^%d+$') then return {'SHORT', (j - 1) / 6, there} end
    if less and not covers(there, less) then return {'SHORT', (j - 1) / 6, there} end
  end
  if not less and (tonumber(there) or 0) + tonumber(by) > 9223372036854774000 then return {'SHORT', (j - 1) / 6, there} end
end

for j = 1, #changes, 3 do
  if (redis.call('HGET', KEYS[8], changes[j]) or '') ~= changes[j + 1] then return {'MOVED', (j - 1) / 3} end
end

-- First of all writes, and with `call`: if this server cannot write now, it says so before anything is corrected.
redis.call('HSET', KEYS[2], A[2], A[3] .. ':' .. A[4])

local tried = {}
for j = 1, #rows, 6 do
  local kind, key, field, set = rows[j], rows[j + 1] .. '~probe', rows[j + 2], rows[j + 4]
  if not tried[kind .. set] then
    tried[kind .. set] = true
    if field == '' then
      try('INCRBY', key, '-')
    else
      try('HINCRBY', key, field, '-')
      try('HDEL', key, field)
      try('EXPIRE', key, '-')
    end
    try('DEL', key)
    if set ~= '' then
      try('SREM', set, '~probe')
      if not refused then
        try('SADD', set, '~probe')
        try('SREM', set, '~probe')
      end
    end
  end
end
local at = 1
while at < #lists do
  local from, to = lists[at] .. '~probe', lists[at + 1] .. '~probe'
  if not tried[from] then
    tried[from] = true
    try('DEL', from)
    if lists[at + 1] ~= '' then
      try('LRANGE', from, '-', '0')
      try('LTRIM', to, '-', '0')
    end
    if lists[at + 1] ~= '' and tonumber(lists[at + 2]) > 0 then
      local visitors = lists[at + 4] .. '~probe'
      try('EXPIRE', visitors, '-')
      if not refused then
        try('PFMERGE', visitors)
        try('DEL', visitors)
      end
    end
  end
  at = at + 3 + 2 * lists[at + 2]
end
if is_placing then
  try('HINCRBY', KEYS[8], '~probe', '-')
  try('HDEL', KEYS[8], '~probe')
end
try('XADD', KEYS[3], 'MINID', '~', '0-0', '0-0', '-', '-')
try('LTRIM', KEYS[5], '-', '0')
try('HDEL', KEYS[6], '~probe')
if refused then
  redis.call('HSET', KEYS[2], A[2], A[3] .. ':' .. done_seq .. done_body)
  return {'DENIED', refused}
end

for j = 1, #rows, 6 do
  local kind, key, field, by, set, member = unpack(rows, j, j + 5)
  if field == '' then
    local sum = pcall('INCRBY', key, by)
    if kind == 'd' and sum == 0 then
      pcall('DEL', key)
      if set ~= '' then pcall('SREM', set, member) end
    elseif set ~= '' and type(sum) == 'number' and (sum > 0 or by == '0') then
      pcall('SADD', set, member)
      if kind == 't' then pcall('SADD', KEYS[4], string.match(set, '^names:(.*)$') or 'hit') end
    end
  else
    local sum = pcall('HINCRBY', key, field, by)
    if type(sum) == 'number' and sum <= 0 then
      pcall('HDEL', key, field)
    elseif kind == 'h' then
      pcall('EXPIRE', key, A[6])
    elseif kind == 'm' then
      pcall('EXPIRE', key, A[5])
    end
  end
end

local function merge_visits(from, to)
  local moved, there = pcall('LRANGE', from, '0', '-1'), pcall('LRANGE', to, '0', '-1')
  if moved.err or there.err or #moved == 0 then return end
  local more = {}
  for i = #moved, 1, -1 do more[#more + 1] = moved[i] end
  put_in_order(to, there, more, tonumber(A[9]))
end

at = 1
while at < #lists do
  local from, to, days = lists[at], lists[at + 1], tonumber(lists[at + 2])
  if to ~= '' then merge_visits(from, to) end
  pcall('DEL', from)
  for j = at + 3, at + 2 + 2 * days, 2 do
    if to ~= '' and pcall('EXISTS', lists[j]) == 1 then
      pcall('PFMERGE', lists[j + 1], lists[j])
      pcall('EXPIRE', lists[j + 1], A[7])
    end
    pcall('DEL', lists[j])
  end
  at = at + 3 + 2 * days
end

for j = 1, #gone, 3 do
  local total = pcall('GET', gone[j])
  if not total or total == '0' then
    pcall('DEL', gone[j])
    pcall('SREM', gone[j + 1], gone[j + 2])
  end
end

local function place(field, state)
  if state == '' then pcall('HDEL', KEYS[8], field) else pcall('HSET', KEYS[8], field, state) end
end
for j = 1, #positions, 2 do place(A[2] .. ' ' .. positions[j], positions[j + 1]) end
for j = 1, #changes, 3 do place(changes[j], changes[j + 2]) end
if is_placing then pcall('HSET', KEYS[1], 'positions', pcall('HLEN', KEYS[8])) end

if #log > 0 then
  pcall('XADD', KEYS[3], 'MINID', '~', string.format('%.0f-0', (now - A[8]) * 1000), '*', unpack(log))
end
for j = 1, #sums, 2 do pcall('HINCRBY', KEYS[1], 'corrected:' .. sums[j], sums[j + 1]) end
if A[12] == '' then return {'APPLIED'} end
pcall('HSET', KEYS[6], A[11], A[13])
local length, most = pcall('LPUSH', KEYS[5], A[11] .. ' ' .. A[12]), tonumber(A[10])
if type(length) == 'number' and length > most then
  for _, old in ipairs(pcall('LRANGE', KEYS[5], most, '-1')) do
    pcall('HDEL', KEYS[6], string.match(old, '^%S+'))
  end
  pcall('LTRIM', KEYS[5], '0', most - 1)
end
return {'APPLIED'}
