#!lua
--[[
  Append a batch of audit records to the log. Rejects the whole batch when Redis uses more than 90 % of maxmemory: the
  remaining memory is reserved for the jobs of workers, which remove shipped batches.
  KEYS[1]   the log, a stream
  KEYS[2]   newest batch of the log: chain, number of the last record, hash
  ARGV[1]   seal of the batch, JSON
  ARGV[2]   records of the batch, zstd
  ARGV[3]   new value of KEYS[2] for this batch
  Returns   { previous value of KEYS[2] or '', number of batches in the log after the append }
  Cluster   both keys in one slot
]]
local memory = redis.call('INFO', 'memory')
local used, most = tonumber(memory:match('used_memory:(%d+)')), tonumber(memory:match('maxmemory:(%d+)'))
if most > 0 and used > most * 0.9 then return redis.error_reply('OOM nine tenths of maxmemory are taken') end
local seen = redis.call('GET', KEYS[2]) or ''
redis.call('XADD', KEYS[1], '*', 'seal', ARGV[1], 'lines', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return { seen, redis.call('XLEN', KEYS[1]) }
