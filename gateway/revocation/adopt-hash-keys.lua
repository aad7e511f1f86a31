#!lua flags=allow-oom
--[[
  Agree on the keys under which identities are hashed. Those that are there stay, those of the caller that are not come
  behind them, and the others hear of it. Where there are none at all, the candidate becomes the first.
  KEYS[1]   hash keys, 32 bytes each
  KEYS[2]   log
  ARGV[1]   candidate, 32 bytes
  ARGV[2..] keys that the caller knows, 32 bytes each
  Returns   all of them, one after the other
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
