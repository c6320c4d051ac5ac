-- tag of the id. One record and its two marks.
local session = read(ARGV[4])
if not session then
  return { 'unknown' }
elseif session.state == 'moved' then
  return { 'moved', session.moved_to }
elseif not is_live(session) then
  return { 'ended' }
end
return { 'live', report(session), text(session.expires_at) }
