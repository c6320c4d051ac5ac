-- tags of ids. The lines of those that ended and are not forgotten.
local lines = {}
for _, session in ipairs(read_all({ unpack(ARGV, 4) })) do
  if session and session.state == 'ended' and session.expires_at > now then
    lines[#lines + 1] = session.line
  end
end
return lines
