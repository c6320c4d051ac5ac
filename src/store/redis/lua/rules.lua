-- The mark rules of src/session/marks.rs, each under the name it has there: change both or none. The store suite compares them.
-- In front of every script. KEYS[1] is the prefix of the namespace; times are whole seconds.
local base = KEYS[1]
local now, spread, lifetime = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- Lua's own tostring rounds after 14 digits. Most times of one script are the same few.
local texts = {}
local function text(number)
  local known = texts[number]
  if not known then
    known = string.format('%.0f', number)
    texts[number] = known
  end
  return known
end

local function reaches(cut_off, iat)
  return not iat or iat <= cut_off + spread
end

local function refuses(cut_off, expires_at, iat)
  return expires_at > now and reaches(cut_off, iat)
end

local function dead_id_until(iat)
  return math.max(iat or now, now) + lifetime + 1
end

-- What a dead id refuses is kept with it as one time: the `iat` it ended with, or else the moment of its end.
local function dead_id_refuses(last_refused, iat)
  return not iat or iat <= last_refused
end

local function live_id_refuses(live_iat, iat)
  return live_iat and (not iat or iat < live_iat)
end

-- Keys are cleaned up by the clock of the server, which may differ from those of the nodes: five minutes later than the rules need,
-- and at the latest after some 300 years, for times that mean "never".
local function time_to_live(expires_at)
  return text((math.min(math.max(expires_at - now, 0), 1e10) + 300) * 1000)
end
