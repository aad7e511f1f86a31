#!lua
--[[
  Append a batch of audit records to the log. Refused whole when Redis has no memory left.
  KEYS[1]   the log, a stream
  KEYS[2]   its newest batch: chain, number of the last record, hash
  ARGV[1]   seal of the batch, JSON
  ARGV[2]   its records, zstd
  ARGV[3]   what KEYS[2] is to say of it
  Returns   { what KEYS[2] said before, or '', batches in the log now }
  Cluster   both keys in one slot
]]
local seen = redis.call('GET', KEYS[2]) or ''
redis.call('XADD', KEYS[1], '*', 'seal', ARGV[1], 'lines', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return { seen, redis.call('XLEN', KEYS[1]) }
