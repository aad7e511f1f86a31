#!lua
--[[
  Claims the renewal of a credential that a service refused. Of all nodes, the first one renews the credential; the
  others get the renewed credential from it. A claim that exists is not changed. A claim without an end, or with a later
  end than this script sets, was not written by a node: it is replaced, because it would prevent renewals until then.
  KEYS[1]   one credential: '' while its renewal runs or after it failed, else the renewed credential, encrypted
  ARGV[1]   time until the next renewal is allowed, ms
  Returns   false for the caller that now renews the credential, else the value of the key
  Clock     Redis expiry
  Cluster   one key
]]
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return false
