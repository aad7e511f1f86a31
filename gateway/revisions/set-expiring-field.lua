#!lua
--[[
  Set a field of a hash and restart the lifetime of the hash, in one step: a hash whose writer died between two commands
  would stay in Redis for ever.
  KEYS[1]  hash
  ARGV[1]  field
  ARGV[2]  value
  ARGV[3]  lifetime of the hash from now on, ms
  Returns  1
  Cluster  one key
]]
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
