#!lua
--[[
  Gives what is known of a token, or the turn to ask its issuer. One asks at a time; whoever dies loses the turn when the
  lease runs out.
  KEYS[1]   one token: a (sealed answer), t (when it was asked for, ms), l (so long it counts, ms), f (fence),
            u (end of the lease, ms), x and y (why asking failed, and until when that is remembered, ms),
            k (until when all of it is kept, ms), s (sealed token); absent when nobody uses the token
  ARGV[1]   oldest answer that will do, ms      0: none will, but one asked for since (ARGV[2])
  ARGV[2]   since the caller began to wait, ms  an answer asked for since then is as new as one of its own
  ARGV[3]   lease, ms                           0: only looks, and takes no turn
  Returns   { 'known', answer, its t, age ms } | { 'failed', why, ms left, answer, its t, age }
            | { 'wait', lease left ms } | { 'ask', fence, asked at ms, sealed token, answer, its t, age }
            | { 'none' } to who only looks; answer, t and token are '' when there is none
  Clock     Redis TIME
  Cluster   one key
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local e = redis.call('HMGET', KEYS[1], 'a', 't', 'l', 'u', 'x', 'y', 'k', 's', 'f')
local answer, at, age = e[1] or '', e[2] or '', 0
if e[1] then
  -- A clock that was set back makes an answer older than it says, never newer.
  age = now - e[2]
  if age >= 0 and (age <= tonumber(ARGV[2]) or age < math.min(e[3], ARGV[1])) then return { 'known', answer, at, age } end
  if age < 0 then answer, age = '', 0 end
end
if ARGV[3] == '0' then return { 'none' } end
-- Neither lasts longer than two leases: what ends later was dated by a clock that was set back since.
local function ahead(ends)
  local left = ends and ends - now or 0
  return left > 0 and left <= ARGV[3] * 2 and left
end
if ahead(e[6]) then return { 'failed', e[5], ahead(e[6]), answer, at, age } end
if ahead(e[4]) then return { 'wait', math.min(ahead(e[4]), tonumber(ARGV[3])) } end
-- A time, so that it does not start again when the key has gone meanwhile.
local fence = string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(e[9] or 0) + 1))
local keep = math.max(tonumber(e[7] or 0), now + ARGV[3] * 2)
redis.call('HSET', KEYS[1], 'f', fence, 'u', string.format('%.0f', now + ARGV[3]), 'k', string.format('%.0f', keep))
redis.call('HDEL', KEYS[1], 'x', 'y')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep - now))
return { 'ask', fence, string.format('%.0f', now), e[8] or '', answer, at, age }
