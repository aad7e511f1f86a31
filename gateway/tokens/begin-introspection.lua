#!lua
--[[
  Returns the stored introspection result of a token, or the exclusive lock to introspect the token. The lease of the
  lock expires if its holder dies.
  KEYS[1]   one token: a (sealed result), t (time of the request, ms), l (validity of the result, ms), f (fence),
            u (end of the lease, ms), x and y (cause of a failed request, and end of its storage, ms),
            k (end of the storage of the key, ms), s (sealed token); absent when the token is not in use
  ARGV[1]   maximum age of an acceptable result, ms   0: accepts only a result of a request since the wait began
  ARGV[2]   time since the caller began to wait, ms   the result of a request in this time is accepted
  ARGV[3]   lease, ms                                 0: only reads, and does not take the lock
  Returns   { 'known', result, its t, age ms } | { 'failed', cause, time left ms, result, its t, age }
            | { 'wait', lease left ms } | { 'ask', fence, request time ms, sealed token, result, its t, age }
            | { 'none' } for a caller that only reads; result, t and token are '' when they are not stored
  Clock     Redis TIME
  Cluster   one key
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local e = redis.call('HMGET', KEYS[1], 'a', 't', 'l', 'u', 'x', 'y', 'k', 's', 'f')
local answer, at, age = e[1] or '', e[2] or '', 0
if e[1] then
  -- If the clock of Redis was set back meanwhile, the real age is greater than the computed age, never smaller.
  age = now - e[2]
  if age >= 0 and (age <= tonumber(ARGV[2]) or age < math.min(e[3], ARGV[1])) then return { 'known', answer, at, age } end
  if age < 0 then answer, age = '', 0 end
end
if ARGV[3] == '0' then return { 'none' } end
-- A lease and a stored failure end after two leases at most. A later end dates from before the clock of Redis was set back.
local function ahead(ends)
  local left = ends and ends - now or 0
  return left > 0 and left <= ARGV[3] * 2 and left
end
if ahead(e[6]) then return { 'failed', e[5], ahead(e[6]), answer, at, age } end
if ahead(e[4]) then return { 'wait', math.min(ahead(e[4]), tonumber(ARGV[3])) } end
-- The fence is computed from the time, so that it does not start again at 1 when the key was removed meanwhile.
local fence = string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(e[9] or 0) + 1))
local keep = math.max(tonumber(e[7] or 0), now + ARGV[3] * 2)
redis.call('HSET', KEYS[1], 'f', fence, 'u', string.format('%.0f', now + ARGV[3]), 'k', string.format('%.0f', keep))
redis.call('HDEL', KEYS[1], 'x', 'y')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep - now))
return { 'ask', fence, string.format('%.0f', now), e[8] or '', answer, at, age }
