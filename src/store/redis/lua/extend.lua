-- tag of the id, new end.
local session, expires_at = read(ARGV[4]), tonumber(ARGV[5])
if not is_live(session) then
  return 0
end
redis.call('HSET', session_key(session.tag), 'ex', text(expires_at))
redis.call('PEXPIRE', session_key(session.tag), time_to_live(expires_at))
keep(live_set(session.t1), expires_at)
keep(live_set(session.t2), expires_at)
-- A later end is found out in time by whoever thinks that it is over; an earlier one has to be told.
if expires_at < session.expires_at then
  announce(session.tag)
end
return 1
