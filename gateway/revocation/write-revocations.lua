#!lua flags=allow-oom
--[[
  Write revocations to the event log, for current nodes, and to a bucket, for nodes that join later. Writes both or
  neither: the script first checks that the Redis user may run every command. Runs when Redis is out of memory too,
  because a revocation must not fail for lack of memory.
  KEYS[1]  event log
  KEYS[2]  buckets: sorted set of bucket keys by their expiry, s
  KEYS[3]  bucket: concatenated records of 24 bytes; expires after the last record
  KEYS[4]  members: sorted set of member keys by the end of their lease, ms
  KEYS[5]  facts: hash, the facts that each member publishes, JSON
  ARGV[1]  records, all for this bucket
  ARGV[2]  expiry of the bucket, s since the Unix epoch
  ARGV[3]  '1' when a caller waits for the members
  ARGV[4]  retention of events, ms
  Returns  { id of the log entry, then for each current member: key, facts or '' }; no members unless ARGV[3] is '1'
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
