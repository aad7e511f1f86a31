#!lua flags=allow-oom
--[[
  Put back the newest activation and its revision, after Redis lost them. Changes nothing when the activation has changed
  in the meantime. Runs when Redis is out of memory too, because a starting node needs the policy.
  KEYS[1]  event log
  KEYS[2]  revisions: hash, envelope of each revision by number
  KEYS[3]  activation: envelope of the newest activation
  ARGV[1]  kind of the event
  ARGV[2]  envelope of the activation
  ARGV[3]  expected value of KEYS[3]; '' when it must be absent
  ARGV[4]  number of the revision
  ARGV[5]  envelope of the revision
  ARGV[6]  retention of events, ms
  Returns  1 when the activation was put back, else 0
  Clock    Redis TIME
  Cluster  one slot
]]
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[3] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
redis.call('SET', KEYS[3], ARGV[2])
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[6]), '*', 'k', ARGV[1], 'r', ARGV[2])
return 1
