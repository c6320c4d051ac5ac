-- tags of ids. Those that ended and are not forgotten.
local reports = {}
for n = 4, #ARGV do
  local session = read(ARGV[n])
  if session and session.state == 'ended' and session.expires_at > now then
    reports[#reports + 1] = report(session)
  end
end
return reports
