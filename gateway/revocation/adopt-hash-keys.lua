#!lua flags=allow-oom
--[[
  Agree on the keys of the keyed hash for identities. Keeps the stored keys and appends the caller's keys that are
  missing. If there is no key at all, stores the candidate. Writes an event to the log when the keys change.
  KEYS[1]   hash keys, 32 bytes each
  KEYS[2]   event log
  ARGV[1]   candidate for the first key, 32 bytes
  ARGV[2..] keys that the caller knows, 32 bytes each
  Returns   all keys, concatenated
  Cluster   one slot
]]
local keys = redis.call('GET', KEYS[1]) or ''
local before = keys
for i = 2, #ARGV do
  local there = false
  for at = 1, #keys, 32 do
    if keys:sub(at, at + 31) == ARGV[i] then there = true end
  end
  if not there then keys = keys .. ARGV[i] end
end
if keys == '' then keys = ARGV[1] end
if keys ~= before then
  redis.call('SET', KEYS[1], keys)
  redis.call('XADD', KEYS[2], '*', 'k', 'hash-keys', 'r', keys)
end
return keys
