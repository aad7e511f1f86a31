#!lua
--[[
  Replaces the list of host cookies of a session, if the list is the one that the caller has read.
  KEYS[1]  session (create-session), and: h sealed list of host cookies; n number of changes of the list
  ARGV[1]  number of changes that the caller has read; 0: there was no list
  ARGV[2]  sealed list
  Returns  'stored' | 'changed' (by another caller since) | 'gone'
  The list is apart from the sealed session, so a refresh and a new host never overwrite each other.
  Cluster  one key
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
if (redis.call('HGET', KEYS[1], 'n') or '0') ~= ARGV[1] then return 'changed' end
redis.call('HSET', KEYS[1], 'n', ARGV[1] + 1, 'h', ARGV[2])
return 'stored'
