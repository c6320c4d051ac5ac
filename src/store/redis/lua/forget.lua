-- tags of ids. What ended stays dead and is not reported any more.
local forgotten = {}
for _, session in ipairs(read_all({ unpack(ARGV, 4) })) do
  if session and session.state == 'ended' then
    write_dead(session, 'forgotten', '-')
    forgotten[#forgotten + 1] = session
  end
end
unlink(forgotten, ended_set)
return 1
