#!lua
--[[
  Count the requests in a window. Changes nothing.
  KEYS[1]  window, in the format of take-permits or lease-permits
  ARGV[1]  exact | leased
  ARGV[2]  span, ticks
  ARGV[3]  tick, µs
  Returns  { requests in the window, including leased permits; leased permits that nodes can still use }
  Clock    Redis TIME
  Cluster  one key
]]
local span, us = tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local tick = math.floor((time[1] * 1000000 + time[2]) / us)
local used, held = 0, 0
if ARGV[1] == 'leased' then
  local flat = redis.call('HGETALL', KEYS[1])
  for i = 1, #flat, 2 do
    local at, lease = flat[i]:match('^(%d+)(:?)')
    if tick - at <= span then
      used = used + flat[i + 1]
      if lease ~= '' and tonumber(at) >= tick then held = held + flat[i + 1] end
    end
  end
else
  local log = redis.call('GET', KEYS[1]) or ''
  for pos = 5, #log, 10 do
    local at, count = struct.unpack('>I6I4', log, pos)
    if tick - at <= span then used = used + count end
  end
end
return { used, held }
