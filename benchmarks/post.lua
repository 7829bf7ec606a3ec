-- Sends the lines of WRK_BODY in turn.
wrk.method = "POST"
local bodies, at = {}, 0
for line in (os.getenv("WRK_BODY") or ""):gmatch("[^\n]+") do
  bodies[#bodies + 1] = line
end
function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
