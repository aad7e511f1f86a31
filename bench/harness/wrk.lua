-- Sends the requests that stdin contains, in turn: for each request a line with its length in bytes, then its bytes. All
-- connections share the turns. The last line of wrk's output is the result in JSON.

local requests = {}
local sent = 0

function init()
  for length in io.lines() do
    requests[#requests + 1] = io.read(tonumber(length))
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d}', summary.requests, summary.duration / 1e6,
    errors.status, failed))
end
