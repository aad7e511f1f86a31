#!lua
--[[
  Append a batch of audit records to the log. Refused whole when Redis has no memory left.
  KEYS[1]   the log, a stream
  ARGV[1]   seal of the batch, JSON
  ARGV[2]   its records, zstd
  Returns   { seal of the newest batch before it or '', batches in the log now }
  Cluster   one key
]]
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local seen = ''
if newest and newest[2][1] == 'seal' then seen = newest[2][2] end
redis.call('XADD', KEYS[1], '*', 'seal', ARGV[1], 'lines', ARGV[2])
return { seen, redis.call('XLEN', KEYS[1]) }
