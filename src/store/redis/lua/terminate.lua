-- how many sessions at most, 1 for the first of several calls, notice, cut-off, end of the mark, then for each mark its tag and the
-- last `iat` it ends. The marks first: from then on no session that they reach is live. The sessions follow, some in each call.
local budget, first, notice = tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6]
local cut_off, mark_end = tonumber(ARGV[7]), tonumber(ARGV[8])
local ended, just_ended, unfinished = {}, {}, 0

-- Two marks under one tag are one, with the later of both.
local function write_mark(tag)
  local key, c, e = mark_key(tag), cut_off, mark_end
  local v = redis.call('HMGET', key, 'c', 'e')
  if v[1] and tonumber(v[2]) > now then
    c, e = math.max(c, tonumber(v[1])), math.max(e, tonumber(v[2]))
  end
  redis.call('HSET', key, 'c', text(c), 'e', text(e))
  keep(key, e)
end

local function end_one(session)
  unlink(session, live_set)
  link(session, ended_set, bury(session, 'ended'))
  ended[#ended + 1] = report(session)
  just_ended[session.tag] = true
end

-- As long as sessions are left, the mark holds for them beyond its end.
local function end_sessions(tag, last)
  local members = redis.call('ZRANGEBYSCORE', live_set(tag), '-inf', last, 'LIMIT', 0, budget)
  budget = budget - #members
  for _, member in ipairs(members) do
    local session = read(member)
    if is_member(session, tag, 'live') then
      end_one(session)
    else
      redis.call('ZREM', live_set(tag), member)
    end
  end
  local key = mark_key(tag)
  local pending = tonumber(redis.call('HGET', key, 'p'))
  if redis.call('ZCOUNT', live_set(tag), '-inf', last) > 0 then
    redis.call('HSET', key, 'p', text(math.max(cut_off, pending or cut_off)))
    redis.call('PEXPIRE', key, math.max(redis.call('PTTL', key), redis.call('PTTL', live_set(tag))))
    unfinished = 1
  elseif pending and pending <= cut_off then
    redis.call('HDEL', key, 'p')
  end
end

-- In full as far as there is room, the rest by their tags.
local before, rest = {}, {}
local function report_ended_before(tag, last)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', ended_set(tag), '-inf', last)) do
    if budget <= 0 then
      rest[#rest + 1] = not just_ended[member] and member or nil
    elseif not just_ended[member] then
      budget = budget - 1
      local session = read(member)
      if is_member(session, tag, 'ended') then
        before[#before + 1] = report(session)
      else
        redis.call('ZREM', ended_set(tag), member)
      end
    end
  end
end

for n = 9, #ARGV, 2 do
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
