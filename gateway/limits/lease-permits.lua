#!lua
--[[
  Settle the current lease of one node on a sliding window and grant the next lease. A lease is an entry dated at the
  end of the time in which the node can spend it. Its permits are therefore never charged earlier than they can be used.
  KEYS[1]   window, a hash: "<tick>" = requests spent in that tick;
            "<tick>:<node>.<s>.<n>.<groups>" = requests leased, which the node can spend until the end of that tick;
            groups: number of spent groups that call n and the calls before it reported
  ARGV[1]   limit, requests
  ARGV[2]   span, ticks                  ceil(window / tick)
  ARGV[3]   tick, µs
  ARGV[4]   hold, ticks, at most span    time for which the new lease can be spent; 0: settles only (kept, wanted: 0)
  ARGV[5]   field of the held lease, or ''
  ARGV[6]   kept, requests               permits of the held lease that the node has not spent and keeps
  ARGV[7]   wanted, requests             size of the new lease, kept included
  ARGV[8]   needed, requests             smallest useful lease; no new permits are granted below this size
  ARGV[9]   <node>.<s>                   node: new at every process start; s: lease object of the node
  ARGV[10]  n                            number of this call of the lease object; each call has a higher number
  ARGV[11]  groups that calls with a reply reported
  ARGV[12..] the next groups, which never change; pairs: age of the youngest spend in the group, µs; requests spent
  Returns   { field of the new lease or '', its permits, ms until `needed` are free (0: granted), nodes that hold
            leases, requests left for others }
  Errors    OOM for a new window of 10 s or more while Redis uses more than 90 % of maxmemory (see take-permits)
  Lost reply: the node never spends a lease of a call whose reply it lost. The next call finds that lease by its lower n,
              removes it, and does not charge the groups again that the lost call reported.
  Idempotent: a repeated call does not find the held lease, credits nothing and charges the spends again. A repetition
              can therefore only admit too few requests. If the lease is missing (reset, failover), `kept` is lost too.
  Clock       Redis TIME; the node measures the hold from the time it sent the call, on its monotonic clock
  Cluster     one key
]]
local limit, span, us = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local hold, held, kept = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local wanted, needed = tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tick = math.floor(now / us)
if hold > 0 and span * us >= 10000000 and redis.call('EXISTS', KEYS[1]) == 0 then
  local memory = redis.pcall('INFO', 'memory')
  -- Without the right to INFO, the reply is a table with the error.
  if type(memory) ~= 'string' then memory = '' end
  local taken, most = tonumber(memory:match('used_memory:(%d+)')), tonumber(memory:match('maxmemory:(%d+)'))
  if taken and most and most > 0 and taken > most * 0.9 then
    return redis.error_reply('OOM nine tenths of maxmemory are taken')
  end
end
local owner, call, groups = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local own = owner:match('^[^.]*')
local used, known, ends, nodes, charges, gone = 0, 0, tick + hold, {}, {}, {}
local charged = groups
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local field, count = flat[i], tonumber(flat[i + 1])
  local at, node = field:match('^(%d+):?([^.]*)')
  at = tonumber(at)
  local theirs, number, reported
  if node == own then theirs, number, reported = field:match('^%d+:(.*)%.(%d+)%.(%d+)$') end
  if field == held or (theirs == owner and tonumber(number) < call) then
    -- Until the reply of this call arrives, the node spends from the held lease, so the new lease must not end earlier.
    -- The lease of a lost call replaced the held lease, and covers its permits.
    known, ends = math.max(known, count), math.max(ends, at)
    charged = math.max(charged, tonumber(reported))
    gone[#gone + 1] = field
  elseif tick - at > span then
    gone[#gone + 1] = field
  else
    used = used + count
    charges[#charges + 1] = { at, count }
    if node ~= '' and at >= tick then nodes[node] = true end
  end
end
for from = 1, #gone, 1000 do
  redis.call('HDEL', KEYS[1], unpack(gone, from, math.min(from + 999, #gone)))
end
for i = 12, #ARGV, 2 do
  local at, count = math.floor((now - ARGV[i]) / us), tonumber(ARGV[i + 1])
  groups = groups + 1
  if groups > charged and tick - at <= span then
    redis.call('HINCRBY', KEYS[1], string.format('%.0f', at), count)
    used = used + count
    charges[#charges + 1] = { at, count }
  end
end
nodes[own] = true
local holders = 0
for _ in pairs(nodes) do holders = holders + 1 end
kept = math.min(kept, known)
local extra = math.max(0, math.min(wanted - kept, limit - used - kept))
if kept + extra < needed then extra = 0 end
local permits, lease = kept + extra, ''
if permits > 0 and hold > 0 then
  lease = string.format('%.0f:%s.%d.%d', ends, owner, call, groups)
  redis.call('HINCRBY', KEYS[1], lease, permits)
end
redis.call('PEXPIRE', KEYS[1], math.ceil((2 * span + 2) * us / 1000))
local wait, short = 0, needed - permits - math.max(0, limit - used - permits)
if permits < needed and short > 0 then
  table.sort(charges, function(a, b) return a[1] < b[1] end)
  for _, charge in ipairs(charges) do
    short = short - charge[2]
    if short <= 0 then
      wait = math.ceil(((charge[1] + span + 1) * us - now) / 1000)
      break
    end
  end
end
return { lease, permits, wait, holders, math.max(0, limit - used - permits) }
