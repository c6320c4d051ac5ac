-- tag of the old id, tag of the new one, new id.
local session, tag, id = read(ARGV[4]), ARGV[5], ARGV[6]
if session and session.state == 'moved' and session.moved_to == id then
  -- The same question again, after an answer that got lost.
  return is_live(read(tag)) and 1 or 0
elseif not is_live(session) then
  return 0
elseif session.tag == tag then
  return 1
end
local replaced = read(tag)
redis.call('HSET', session_key(session.tag), 'id', id)
if replaced then
  unlink_all(replaced)
end
unlink(session, live_set)
redis.call('RENAME', session_key(session.tag), session_key(tag))
bury(session, 'moved')
redis.call('HSET', session_key(session.tag), 'to', id)
link({ tag = tag, iat = session.iat, t1 = session.t1, t2 = session.t2 }, live_set, session.expires_at)
announce(session.tag .. ' ' .. tag)
return 1
