-- One request for each line of stdin, which is the value of the field that is named; in turns, whatever the connection.
-- Without a name: one request without a field. The last line that wrk prints is what came of it, in JSON.

local requests = {}
local sent = 0

function init(args)
  local field = args[1]
  if field == nil then
    requests[1] = wrk.format()
    return
  end
  for value in io.lines() do
    requests[#requests + 1] = wrk.format(nil, nil, { [field] = value })
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
