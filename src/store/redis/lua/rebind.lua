-- tag of the old id, tag of the new one, new id.
local session, tag, id = read(ARGV[4]), ARGV[5], ARGV[6]
if session and session.state == 'moved' and session.id == id then
  -- The same question again, after an answer that got lost.
  return is_live(read(tag)) and 1 or 0
elseif not is_live(session) then
  return 0
elseif session.tag == tag then
  return 1
end
local replaced, moved = read(tag), {
  tag = tag, state = 'live', expires_at = session.expires_at, iat = session.iat,
  id = id, t1 = session.t1, t2 = session.t2, names = session.names,
}
write(moved)
if replaced then
  displace(replaced)
end
link({ moved }, live_set)
unlink({ session }, live_set)
write_dead(dead(session), 'moved', id)
announce(session.tag .. ' ' .. tag)
return 1
