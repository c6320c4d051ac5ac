-- place in the log, or '' for its end.
local key, after = base .. 'log', ARGV[4]
local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
local place = last[1] and last[1][1]
if not place then
  -- An empty log has no place: the first notice is about nothing.
  place = redis.call('XADD', key, '*', 'n', '')
  redis.call('PEXPIRE', key, 86400000)
end
if after == '' then
  return { 0, place, {} }
end
-- The place itself is still there, or something behind it may be missing: the log was cut, lost or replaced.
local entries = redis.call('XRANGE', key, after, '+')
if not entries[1] or entries[1][1] ~= after then
  return { 1, place, {} }
end
local notices = {}
for n = 2, #entries do
  notices[n - 1] = entries[n][2][2]
end
return { 0, place, notices }
