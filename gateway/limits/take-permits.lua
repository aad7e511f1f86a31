#!lua
--[[
  Decide a batch of requests against sliding windows. A request is admitted only if every window that the request
  names has space for its cost. A refused request consumes nothing.
  A request that needs a new window of 10 s or more is not decided while Redis uses more than 90 % of maxmemory: clients
  with any number of addresses can cause windows, and the rest of the memory is for sessions, logins and proofs. Shorter
  windows expire before they fill the memory.
  KEYS[i]       one window: used (u32), then entries (tick u48, count u32), oldest first; absent when idle
  ARGV[3i-2..]  per key: limit, requests; span, ticks = ceil(window / tick); tick, µs (>= 10)
  ARGV[...]     per request: n; then n pairs: index into KEYS; cost there, requests >= 1
  Returns       flat: the time of the decision, µs; then per request: allowed 0|1, or 2 when it is not decided, index of
                the tightest key, requests left there, wait in ms: 0 when allowed, -1 when the cost is above a limit and
                can never fit
  Clock         Redis TIME, never behind the newest entry
  Cluster       all keys in one slot
]]
local HEAD, ENTRY = 4, 10
local LONG_US = 10000000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local windows = {}
for i = 1, #KEYS do
  local w = { limit = tonumber(ARGV[3 * i - 2]), span = tonumber(ARGV[3 * i - 1]), us = tonumber(ARGV[3 * i]),
              log = redis.call('GET', KEYS[i]) or '', used = 0, first = HEAD + 1, added = 0 }
  w.tick = math.floor(now / w.us)
  if #w.log > HEAD then
    w.used = struct.unpack('>I4', w.log)
    w.newest = struct.unpack('>I6', w.log, #w.log - ENTRY + 1)
    w.tick = math.max(w.tick, w.newest)
    while w.first < #w.log do
      local at, count = struct.unpack('>I6I4', w.log, w.first)
      -- An entry records its tick, not its exact time. It therefore counts in its tick and in the next `span` ticks.
      if w.tick - at <= w.span then break end
      w.used, w.first = w.used - count, w.first + ENTRY
    end
  end
  windows[i] = w
end
local function wait(w, short)
  local pos, at, count = w.first, w.tick, 0
  while short > 0 and pos < #w.log do
    at, count = struct.unpack('>I6I4', w.log, pos)
    short, pos = short - count, pos + ENTRY
  end
  -- The entries count too little: the rest was admitted by this call, in the current tick.
  if short > 0 then at = w.tick end
  return math.ceil(((at + w.span + 1) * w.us - now) / 1000)
end
local isFull
local function isMemoryFull()
  if isFull == nil then
    local memory = redis.pcall('INFO', 'memory')
    -- Without the right to INFO, the reply is a table with the error.
    if type(memory) ~= 'string' then memory = '' end
    local used, most = tonumber(memory:match('used_memory:(%d+)')), tonumber(memory:match('maxmemory:(%d+)'))
    isFull = used ~= nil and most ~= nil and most > 0 and used > most * 0.9
  end
  return isFull
end
local reply, at = { now }, 3 * #KEYS + 1
while at <= #ARGV do
  local last = at + 2 * ARGV[at]
  local tight, room, price, delay, allowed = 0, math.huge, 0, 0, 1
  for j = at + 1, last, 2 do
    local i, cost = tonumber(ARGV[j]), tonumber(ARGV[j + 1])
    local w = windows[i]
    local left = w.limit - w.used - cost
    if left < room then tight, room, price = i, left, cost end
    if #w.log == 0 and w.span * w.us >= LONG_US and isMemoryFull() then allowed = 2 end
    if cost > w.limit then delay = -1 elseif left < 0 and delay >= 0 then delay = math.max(delay, wait(w, -left)) end
  end
  if room < 0 then allowed = 0 end
  if allowed == 1 then
    for j = at + 1, last, 2 do
      local w, cost = windows[tonumber(ARGV[j])], tonumber(ARGV[j + 1])
      w.used, w.added = w.used + cost, w.added + cost
    end
  end
  reply[#reply + 1] = allowed
  reply[#reply + 1] = tight
  reply[#reply + 1] = math.max(0, room >= 0 and room or room + price)
  reply[#reply + 1] = delay
  at = last + 1
end
for i, w in ipairs(windows) do
  if w.added > 0 then
    local kept = w.log:sub(w.first)
    if w.newest == w.tick and #kept >= ENTRY then
      w.added = w.added + struct.unpack('>I4', kept, #kept - 3)
      kept = kept:sub(1, -ENTRY - 1)
    end
    redis.call('SET', KEYS[i], struct.pack('>I4', w.used) .. kept .. struct.pack('>I6I4', w.tick, w.added),
      'PX', math.ceil((w.span + 2) * w.us / 1000))
  end
end
return reply
