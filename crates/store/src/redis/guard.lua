-- The beginning of every script that applies a numbered batch: whether it may, and whether it is the next one.
--
-- KEYS  tallymark:store, tallymark:applied, ...
-- ARGV  store, instance, nonce, seq (with `:` and the digest of a request's body behind it, if there is one), ...
local A, pcall = ARGV, redis.pcall
local uuid = redis.call('HGET', KEYS[1], 'uuid')
local marker = redis.call('HGET', KEYS[2], A[2])
if not uuid and marker then return {'UNIDENTIFIED'} end
if uuid ~= A[1] then return {'FOREIGN'} end
if not marker and redis.call('HGET', KEYS[1], 'claimed:' .. A[2]) then return {'UNMARKED'} end
local next_seq = string.match(A[4], '^%d+')
local done_seq, done_body = '0', ''
if marker then
  local nonce, seq, body = string.match(marker, '^(%x+%-%x+%-%x+%-%x+%-%x+):(%d+)(:?%x*)$')
  if not nonce then return {'MARKER', marker} end
  -- A lower nonce: the claim went with a lost tail. See claim.rs.
  if nonce > A[3] then return {'FENCED'} end
  done_seq, done_body = seq, body
end
if tonumber(next_seq) <= tonumber(done_seq) then return {'DUPLICATE'} end
if tonumber(next_seq) ~= tonumber(done_seq) + 1 then return {'GAP', done_seq} end

-- Tries a write that fails without an effect if an ACL allows it. Otherwise `refused` says which it was.
local refused
local function try(...)
  local reply = pcall(...)
  local err = type(reply) == 'table' and reply.err or ''
  if string.find(err, 'NOPERM', 1, true) or string.find(err, 'ACL failure', 1, true)
    or string.find(err, 'The user executing the script', 1, true) then
    local command, key = ...
    refused = refused or (command .. ' ' .. key)
  end
end

