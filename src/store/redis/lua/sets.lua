-- The sessions a mark can reach, by its tag: `i:<tag>` has the live ones, `e:<tag>` those that ended and may have to be reported
-- again. Sorted by `iat`, so that a cut-off is a range; what has no `iat` comes first.
local function live_set(tag)
  return base .. 'i:' .. tag
end

local function ended_set(tag)
  return base .. 'e:' .. tag
end

local function score(iat)
  return iat and text(iat) or '-inf'
end

-- GT alone does nothing to a key without a time to live.
local function keep(key, expires_at)
  local ms = time_to_live(expires_at)
  if redis.call('PEXPIRE', key, ms, 'NX') == 0 then
    redis.call('PEXPIRE', key, ms, 'GT')
  end
end

local function link(session, set_of, expires_at)
  for _, tag in ipairs({ session.t1, session.t2 }) do
    redis.call('ZADD', set_of(tag), score(session.iat), session.tag)
    keep(set_of(tag), expires_at)
  end
end

local function unlink(session, set_of)
  redis.call('ZREM', set_of(session.t1), session.tag)
  redis.call('ZREM', set_of(session.t2), session.tag)
end

-- A member may have expired meanwhile, and its id may be that of another session now.
local function is_member(session, tag, state)
  return session and session.state == state and session.expires_at > now and (session.t1 == tag or session.t2 == tag)
end

local function unlink_all(session)
  if session.state == 'live' then
    unlink(session, live_set)
  elseif session.state == 'ended' then
    unlink(session, ended_set)
  end
end

-- Leaves of a session what a dead id has to remember.
local function bury(session, state)
  local key, expires_at = session_key(session.tag), dead_id_until(session.iat)
  redis.call('HSET', key, 'st', state, 'ex', text(expires_at), 'no', text(session.iat or now))
  redis.call('PEXPIRE', key, time_to_live(expires_at))
  return expires_at
end

local function strip(tag)
  redis.call('HDEL', session_key(tag), 'id', 'is', 'cl', 'su', 'si', 'ia', 't1', 't2')
end

-- For those who listen, and for those who missed it. The log keeps some 10,000 notices, for a day.
local function announce(notice)
  redis.call('XADD', base .. 'log', 'MAXLEN', '~', 10000, '*', 'n', notice)
  redis.call('PEXPIRE', base .. 'log', 86400000)
  redis.call('PUBLISH', base .. 'news', notice)
end
