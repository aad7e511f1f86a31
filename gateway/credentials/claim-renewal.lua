#!lua
--[[
  Claims the renewal of a credential that a service refused. The first node that calls this script renews the
  credential; the other nodes read the renewed credential from the key. An existing claim is not changed, unless it has
  no expiry or a later expiry than this script sets: no node wrote such a claim, and it would prevent renewals.
  KEYS[1]   claim for one credential: '' while a node renews it or after the renewal failed, else the renewed
            credential, encrypted
  ARGV[1]   time until the next renewal is allowed, ms
  Returns   false when the caller has the claim and must renew the credential, else the value of the key
  Clock     expiry of Redis keys
  Cluster   one key
]]
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then return redis.call('GET', KEYS[1]) end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return false
