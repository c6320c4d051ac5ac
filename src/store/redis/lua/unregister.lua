-- tag of the id.
local session = read(ARGV[4])
if not is_live(session) then
  return 0
end
write_dead(dead(session), 'forgotten', '-')
unlink({ session }, live_set)
announce(session.tag)
return 1
