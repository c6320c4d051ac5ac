-- Sessions. `s:<tag of the id>` is a hash:
--   st live | ended | forgotten | moved        ex end of the session, or of the memory of a dead id
--   id is cl su si ia  key, issuer, client, sub, sid, iat (the last two may be missing)
--   t1 t2 tags of the finer and of the coarser mark that can reach it      no, to  of a dead id: see the rules; where it moved
-- Marks. `m:<tag>` is a hash: c cut-off, e end; p the cut-off of a logout whose sessions are not all ended one by one.
local function session_key(tag)
  return base .. 's:' .. tag
end

local function mark_key(tag)
  return base .. 'm:' .. tag
end

local function read(tag)
  local v = redis.call('HMGET', session_key(tag), 'st', 'ex', 'id', 'is', 'cl', 'su', 'si', 'ia', 't1', 't2', 'no', 'to')
  if not v[1] then
    return nil
  end
  return {
    tag = tag, state = v[1], expires_at = tonumber(v[2]),
    id = v[3], issuer = v[4], client = v[5], subject = v[6], sid = v[7], iat = v[8] and tonumber(v[8]),
    t1 = v[9], t2 = v[10], last_refused = v[11] and tonumber(v[11]), moved_to = v[12],
  }
end

local function is_marked_under(tag, iat)
  local v = redis.call('HMGET', mark_key(tag), 'c', 'e', 'p')
  return (v[1] and refuses(tonumber(v[1]), tonumber(v[2]), iat)) or (v[3] and reaches(tonumber(v[3]), iat)) or false
end

local function is_marked(t1, t2, iat)
  return is_marked_under(t1, iat) or is_marked_under(t2, iat)
end

local function is_live(session)
  return session and session.state == 'live' and session.expires_at > now
    and not is_marked(session.t1, session.t2, session.iat)
end

-- As the Rust side reads it.
local function report(session)
  return { session.id, session.issuer, session.client, session.subject, session.sid or false, session.iat and text(session.iat) or false }
end
