#!lua
--[[
  Replace one envelope by an envelope of the same text with a MAC by another key. Changes nothing when the envelope has
  changed in the meantime.
  KEYS[1]  revisions: hash, envelope of each revision by number
  KEYS[2]  activation: envelope of the newest activation
  ARGV[1]  number of the revision; '' for the activation
  ARGV[2]  envelope to replace
  ARGV[3]  new envelope
  Returns  1 when the envelope was replaced, else 0
  Cluster  one slot
]]
if ARGV[1] == '' then
  if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
  redis.call('SET', KEYS[2], ARGV[3])
  return 1
end
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
