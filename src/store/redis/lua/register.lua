-- tag of the id, end, id, issuer, client, sub, sid or '', iat or '', tags of the finer and of the coarser mark.
local new = {
  tag = ARGV[4], expires_at = tonumber(ARGV[5]), iat = tonumber(ARGV[11]), t1 = ARGV[12], t2 = ARGV[13],
}
if is_marked(new.t1, new.t2, new.iat) then
  return 0
end
local old = read(new.tag)
if old then
  if old.state ~= 'live' and old.expires_at > now and dead_id_refuses(old.last_refused, new.iat) then
    return 0
  end
  redis.call('DEL', session_key(new.tag))
  unlink_all(old)
end
local fields = {
  'st', 'live', 'ex', ARGV[5], 'id', ARGV[6], 'is', ARGV[7], 'cl', ARGV[8], 'su', ARGV[9], 't1', new.t1, 't2', new.t2,
}
for name, value in pairs({ si = ARGV[10], ia = ARGV[11] }) do
  if value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
redis.call('HSET', session_key(new.tag), unpack(fields))
redis.call('PEXPIRE', session_key(new.tag), time_to_live(new.expires_at))
link(new, live_set, new.expires_at)
-- A few members of each set are looked at, and leave it if they are over: so no set holds many that are.
for _, tag in ipairs({ new.t1, new.t2 }) do
  for _, member in ipairs(redis.call('ZRANDMEMBER', live_set(tag), 3)) do
    if member ~= new.tag and not is_member(read(member), tag, 'live') then
      redis.call('ZREM', live_set(tag), member)
    end
  end
end
if old and old.state == 'live' then
  announce(new.tag)
end
return 1
