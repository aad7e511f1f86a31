#!lua
--[[
  Append a batch of audit records to the log. Refused whole when nine tenths of the memory that Redis may take are taken:
  what makes room again, jobs of workers above all, needs some too.
  KEYS[1]   the log, a stream
  KEYS[2]   its newest batch: chain, number of the last record, hash
  ARGV[1]   seal of the batch, JSON
  ARGV[2]   its records, zstd
  ARGV[3]   what KEYS[2] is to say of it
  Returns   { what KEYS[2] said before, or '', batches in the log now }
  Cluster   both keys in one slot
]]
local memory = redis.call('INFO', 'memory')
local used, most = tonumber(memory:match('used_memory:(%d+)')), tonumber(memory:match('maxmemory:(%d+)'))
if most > 0 and used > most * 0.9 then return redis.error_reply('OOM nine tenths of maxmemory are taken') end
local seen = redis.call('GET', KEYS[2]) or ''
redis.call('XADD', KEYS[1], '*', 'seal', ARGV[1], 'lines', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return { seen, redis.call('XLEN', KEYS[1]) }
