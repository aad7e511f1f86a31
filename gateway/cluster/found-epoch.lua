#!lua flags=allow-oom
--[[
  Found an epoch where Redis has none, or note in the present one that it goes on from an earlier one.
  KEYS[1]  epoch: ids separated by blanks, its own first, then those that it goes on from; absent when Redis is empty
  KEYS[2]  settling: there while members may still put back what Redis lost
  ARGV[1]  id for a new epoch
  ARGV[2]  the epoch that the caller knows, as in KEYS[1]; '' for none
  ARGV[3]  how long to settle, ms; 0: settled now
  Returns  the epoch now
  Cluster  one slot
]]
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  if ARGV[2] ~= '' then epoch = epoch .. ' ' .. ARGV[2] end
  redis.call('SET', KEYS[1], epoch)
elseif ARGV[2] ~= '' then
  local known = ARGV[2]:match('^%S+')
  if not (' ' .. epoch .. ' '):find(' ' .. known .. ' ', 1, true) then
    epoch = epoch .. ' ' .. known
    redis.call('SET', KEYS[1], epoch)
  end
end
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3]) else redis.call('DEL', KEYS[2]) end
return epoch
