#!lua flags=allow-oom
--[[
  Create an epoch if Redis has none. Otherwise add the caller's epoch to the ancestors of the current epoch.
  KEYS[1]  epoch: ids separated by blanks, first the id of the epoch, then its ancestors; absent when Redis is empty
  KEYS[2]  settling: exists while members restore data that Redis lost; no node can join meanwhile
  ARGV[1]  id for a new epoch
  ARGV[2]  epoch of the caller, in the format of KEYS[1]; '' for none
  ARGV[3]  time for which joins are blocked, ms; 0: joins are allowed immediately
  Returns  the current epoch
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
