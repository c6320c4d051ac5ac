-- tags of ids. The lines of those that ended and are not forgotten.
local lines = {}
for n = 4, #ARGV do
  local session = read(ARGV[n])
  if session and session.state == 'ended' and session.expires_at > now then
    lines[#lines + 1] = session.line
  end
end
return lines
