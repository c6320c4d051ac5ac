-- tag of the id, new end.
local session, expires_at = read(ARGV[4]), tonumber(ARGV[5])
if not is_live(session) then
  return 0
end
local is_earlier = expires_at < session.expires_at
session.expires_at = expires_at
write(session)
keep(live_set(session.t1), expires_at)
keep(live_set(session.t2), expires_at)
-- A later end is found out in time by whoever thinks that it is over; an earlier one has to be told.
if is_earlier then
  announce(session.tag)
end
return 1
