-- Asks the same, each time in other bytes: every request has an id of its own.
local at = 0
function request()
  at = at + 1
  wrk.headers["X-Request-Id"] = "q" .. at
  return wrk.format()
end
