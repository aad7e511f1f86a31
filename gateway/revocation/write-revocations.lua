#!lua flags=allow-oom
--[[
  Write revocations: into the log for the nodes that are there, into a bucket for those that come. Both or neither: what
  the user may not do is asked for first. Allowed without memory: a revocation must not fail for lack of it.
  KEYS[1]  log
  KEYS[2]  buckets: zset of bucket keys by their end, s
  KEYS[3]  bucket: records of 24 bytes, one after the other; gone by itself when all have expired
  KEYS[4]  members: zset by the end of their lease, ms
  KEYS[5]  facts: hash, what each member says of itself, JSON
  ARGV[1]  records, all of this bucket
  ARGV[2]  end of the bucket, s since the epoch
  ARGV[3]  '1' when somebody waits for the members
  ARGV[4]  how long events are kept, ms
  Returns  { id of the entry, then for each member now: key, facts or '' }
  Clock    Redis TIME
  Cluster  one slot
]]
local needed = {
  { 'TIME' }, { 'APPEND', KEYS[3], '' }, { 'EXPIREAT', KEYS[3], 0 }, { 'ZADD', KEYS[2], 0, '' },
  { 'ZREMRANGEBYSCORE', KEYS[2], 0, 0 }, { 'ZRANGEBYSCORE', KEYS[4], 0, 0 }, { 'HGET', KEYS[5], '' },
  { 'XADD', KEYS[1], '*', '', '' },
}
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM the user may not run ' .. command[1] .. ', which revoking needs')
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('APPEND', KEYS[3], ARGV[1])
redis.call('EXPIREAT', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], KEYS[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time[1] - 60)
local oldest = string.format('%.0f', now - ARGV[4])
local reply = { redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', 'revoked', 'r', ARGV[1], 'w', ARGV[3]) }
if ARGV[3] == '1' then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], string.format('(%.0f', now), '+inf')) do
    reply[#reply + 1] = member
    reply[#reply + 1] = redis.call('HGET', KEYS[5], member) or ''
  end
end
return reply
