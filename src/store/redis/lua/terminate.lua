-- how many sessions at most, 1 for the first of several calls, notice, cut-off, end of the mark, then for each mark its tag and the
-- last `iat` it ends. The marks first: from then on no session that they reach is live. The sessions follow, some in each call.
local budget, first, notice = tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6]
local cut_off, mark_end = tonumber(ARGV[7]), tonumber(ARGV[8])
local ended, just_ended, unfinished = {}, {}, 0

-- Two marks under one tag are one, with the later of both.
local marks = {}
local function merge_mark(tag)
  local c, e, pending = read_mark(redis.call('GET', mark_key(tag)))
  if not c or e <= now then
    c, e = cut_off, mark_end
  end
  marks[tag] = { cut_off = math.max(c, cut_off), expires_at = math.max(e, mark_end), pending = pending }
end

-- As long as sessions are left, the mark holds for them beyond its end.
local function write_mark(tag)
  local mark = marks[tag]
  local value = text(mark.cut_off) .. ' ' .. text(mark.expires_at) .. ' ' .. (mark.pending and text(mark.pending) or '-')
  redis.call('SET', mark_key(tag), value, 'PX', time_to_live(mark.expires_at))
  if mark.pending then
    local left = redis.call('PTTL', live_set(tag))
    if left > 0 then
      redis.call('PEXPIRE', mark_key(tag), left, 'GT')
    end
  end
end

local function end_sessions(tag, last)
  local members = redis.call('ZRANGEBYSCORE', live_set(tag), '-inf', last, 'LIMIT', 0, budget)
  budget = budget - #members
  local ending = sessions_of(tag, members, 'live', live_set)
  unlink(ending, live_set)
  for _, session in ipairs(ending) do
    session.state = 'ended'
    write(dead(session))
    ended[#ended + 1] = session.line
    just_ended[session.tag] = true
  end
  link(ending, ended_set)
  local mark = marks[tag]
  if redis.call('ZCOUNT', live_set(tag), '-inf', last) > 0 then
    mark.pending = math.max(cut_off, mark.pending or cut_off)
    unfinished = 1
    write_mark(tag)
  elseif mark.pending and mark.pending <= cut_off then
    mark.pending = nil
    write_mark(tag)
  end
end

-- In full as far as there is room, the rest by their tags.
local before, rest = {}, {}
local function report_ended_before(tag, last)
  local members = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', ended_set(tag), '-inf', last)) do
    if not just_ended[member] then
      local list = #members < budget and members or rest
      list[#list + 1] = member
    end
  end
  budget = budget - #members
  for _, session in ipairs(sessions_of(tag, members, 'ended', ended_set)) do
    before[#before + 1] = session.line
  end
end

for n = 9, #ARGV, 2 do
  merge_mark(ARGV[n])
  write_mark(ARGV[n])
end
for n = 9, #ARGV, 2 do
  end_sessions(ARGV[n], ARGV[n + 1])
end
if first or #ended > 0 then
  announce(notice)
end
for n = 9, unfinished == 0 and #ARGV or 0, 2 do
  report_ended_before(ARGV[n], ARGV[n + 1])
end
return { unfinished, ended, before, rest }
