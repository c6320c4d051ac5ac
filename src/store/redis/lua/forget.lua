-- tags of ids. What ended stays dead and is not reported any more.
for n = 4, #ARGV do
  local session = read(ARGV[n])
  if session and session.state == 'ended' then
    write_dead(session, 'forgotten', '-')
    unlink(session, ended_set)
  end
end
return 1
