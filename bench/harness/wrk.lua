-- Builds one request per line of stdin, with the line as the value of the named field. All connections use the requests
-- in turn. Without a field name, all requests are the same. The last line of wrk's output is the result in JSON.

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
