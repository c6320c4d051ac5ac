-- `s:<tag of the id>` is a session, or an id that ended; one line, `-` for what is missing:
--   live | ended | forgotten | moved
--   end of the session, or of the memory of a dead id
--   iat
--   of a dead id: the last iat it refuses
--   the session id; of an id that moved, the new one (in base64: it may have spaces)
--   tag of the finer mark that can reach it, tag of the coarser one
--   issuer, client, sub and sid, as the Rust side writes them
-- `m:<tag>` is a mark; one line: cut-off, end, and the cut-off of a logout whose sessions are not all ended one by one.
local function session_key(tag)
  return base .. 's:' .. tag
end

local function mark_key(tag)
  return base .. 'm:' .. tag
end

local function parse(tag, line)
  if not line then
    return nil
  end
  local state, expires_at, iat, last_refused, id, t1, t2, names =
    string.match(line, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
  assert(state, 'not a session')
  return {
    tag = tag, line = line, state = state, expires_at = tonumber(expires_at), iat = tonumber(iat),
    last_refused = tonumber(last_refused), id = id, t1 = t1, t2 = t2, names = names,
  }
end

local function read(tag)
  return parse(tag, redis.call('GET', session_key(tag)))
end

-- Many at once; `false` for what is not there.
local function read_all(tags)
  local keys, sessions = {}, {}
  for n, tag in ipairs(tags) do
    keys[n] = session_key(tag)
  end
  for n, line in ipairs(keys[1] and redis.call('MGET', unpack(keys)) or {}) do
    sessions[n] = parse(tags[n], line) or false
  end
  return sessions
end

-- The numbers of a mark, or nothing.
local function read_mark(line)
  if line then
    local cut_off, expires_at, pending = string.match(line, '^(%S+) (%S+) (%S+)$')
    assert(cut_off, 'not a mark')
    return tonumber(cut_off), tonumber(expires_at), tonumber(pending)
  end
end

local function is_marked(t1, t2, iat)
  for _, line in ipairs(redis.call('MGET', mark_key(t1), mark_key(t2))) do
    local cut_off, expires_at, pending = read_mark(line)
    if cut_off and (refuses(cut_off, expires_at, iat) or (pending and reaches(pending, iat))) then
      return true
    end
  end
  return false
end

local function is_live(session)
  return session and session.state == 'live' and session.expires_at > now
    and not is_marked(session.t1, session.t2, session.iat)
end
