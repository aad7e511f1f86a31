#!lua
--[[
  Refund charges of take-permits for a request that another limit refused. Ignores a charge that it does not find,
  because the charge has left its window or a failover lost it.
  KEYS[i]      one window, in the format of take-permits
  ARGV[1]      when the charges were made, µs: the time that take-permits returned
  ARGV[2i..]   per key: tick, µs; requests to refund
  Returns      requests refunded
  Idempotent   no: send at most once; a second call could refund the charges of other requests
  Cluster      all keys in one slot
]]
local HEAD, ENTRY = 4, 10
local taken = 0
for i = 1, #KEYS do
  local us, back = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local tick = math.floor(ARGV[1] / us)
  local log = redis.call('GET', KEYS[i]) or ''
  local pos = #log - ENTRY + 1
  while pos > HEAD do
    local at, count = struct.unpack('>I6I4', log, pos)
    if at < tick then break end
    if at == tick and count >= back then
      local used = struct.unpack('>I4', log)
      local entry = count > back and struct.pack('>I6I4', at, count - back) or ''
      local rest = log:sub(HEAD + 1, pos - 1) .. entry .. log:sub(pos + ENTRY)
      if #rest == 0 then redis.call('DEL', KEYS[i])
      else redis.call('SET', KEYS[i], struct.pack('>I4', used - back) .. rest, 'KEEPTTL') end
      taken = taken + back
      break
    end
    pos = pos - ENTRY
  end
end
return taken
