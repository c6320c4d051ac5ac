-- The sessions a mark can reach, by its tag: `i:<tag>` has the live ones, `e:<tag>` those that ended and may have to be reported
-- again. Sorted by iat, so that a cut-off is a range; what has no iat comes first.
local function live_set(tag)
  return base .. 'i:' .. tag
end

local function ended_set(tag)
  return base .. 'e:' .. tag
end

local function write(session)
  local line = table.concat({
    session.state, text(session.expires_at), session.iat and text(session.iat) or '-',
    session.last_refused and text(session.last_refused) or '-', session.id, session.t1, session.t2, session.names,
  }, ' ')
  redis.call('SET', session_key(session.tag), line, 'PX', time_to_live(session.expires_at))
  session.line = line
end

-- Of a dead id, no more than it has to remember.
local function write_dead(session, state, id)
  write({
    tag = session.tag, state = state, expires_at = session.expires_at, last_refused = session.last_refused,
    id = id, t1 = '-', t2 = '-', names = '-',
  })
end

-- What its end makes of a session.
local function dead(session)
  session.expires_at, session.last_refused = dead_id_until(session.iat), session.iat or now
  return session
end

-- Whether the key is new. GT alone does nothing to a key without a time to live.
local function keep(key, expires_at)
  local ms = time_to_live(expires_at)
  local is_new = redis.call('PEXPIRE', key, ms, 'NX') == 1
  if not is_new then
    redis.call('PEXPIRE', key, ms, 'GT')
  end
  return is_new
end

local function append(lists, tag, value)
  local list = lists[tag] or {}
  list[#list + 1], lists[tag] = value, list
end

-- One command for each set, however many members it gets: the sessions of one customer have a set in common. The tags of the sets that
-- were there before.
local function link(sessions, set_of)
  local members, ends, old = {}, {}, {}
  for _, session in ipairs(sessions) do
    local score = session.iat and text(session.iat) or '-inf'
    for _, tag in ipairs({ session.t1, session.t2 }) do
      append(members, tag, score)
      append(members, tag, session.tag)
      ends[tag] = math.max(ends[tag] or session.expires_at, session.expires_at)
    end
  end
  for tag, list in pairs(members) do
    redis.call('ZADD', set_of(tag), unpack(list))
    if not keep(set_of(tag), ends[tag]) then
      old[#old + 1] = tag
    end
  end
  return old
end

local function unlink(sessions, set_of)
  local members = {}
  for _, session in ipairs(sessions) do
    append(members, session.t1, session.tag)
    append(members, session.t2, session.tag)
  end
  for tag, list in pairs(members) do
    redis.call('ZREM', set_of(tag), unpack(list))
  end
end

-- For a session whose id goes to another one.
local function displace(session)
  if session.state == 'live' then
    unlink({ session }, live_set)
  elseif session.state == 'ended' then
    unlink({ session }, ended_set)
  end
end

-- A member may have expired meanwhile, and its id may be that of another session now.
local function is_member(session, tag, state)
  return session and session.state == state and session.expires_at > now and (session.t1 == tag or session.t2 == tag)
end

-- The sessions behind some members of a set. Strangers among them leave it.
local function sessions_of(tag, members, state, set_of)
  local sessions, strangers = {}, {}
  for n, session in ipairs(read_all(members)) do
    local known = is_member(session, tag, state)
    local list = known and sessions or strangers
    list[#list + 1] = known and session or members[n]
  end
  if strangers[1] then
    redis.call('ZREM', set_of(tag), unpack(strangers))
  end
  return sessions
end

-- For those who listen, and for those who missed it. The log keeps some 10,000 notices, for a day.
local function announce(notice)
  redis.call('XADD', base .. 'log', 'MAXLEN', '~', 10000, '*', 'n', notice)
  redis.call('PEXPIRE', base .. 'log', 86400000)
  redis.call('PUBLISH', base .. 'news', notice)
end
