#!lua
--[[
  Claims the renewal of a credential that a service refused. Of all nodes, the first one renews the credential; the
  others get the renewed credential from it. A claim that exists is not changed.
  KEYS[1]   one credential: '' while its renewal runs or after it failed, else the renewed credential, encrypted
  ARGV[1]   time until the next renewal is allowed, ms
  Returns   false for the caller that now renews the credential, else the value of the key
  Clock     Redis expiry
  Cluster   one key
]]
if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return false end
return redis.call('GET', KEYS[1])
