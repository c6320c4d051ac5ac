-- tag of the id, end, iat or '-', id, tags of the finer and of the coarser mark, names.
local new = {
  tag = ARGV[4], state = 'live', expires_at = tonumber(ARGV[5]), iat = tonumber(ARGV[6]),
  id = ARGV[7], t1 = ARGV[8], t2 = ARGV[9], names = ARGV[10],
}
if is_marked(new.t1, new.t2, new.iat) then
  return 0
end
local old = read(new.tag)
if old and old.expires_at > now then
  local refuses
  if old.state == 'live' then
    refuses = live_id_refuses(old.iat, new.iat)
  else
    refuses = dead_id_refuses(old.last_refused, new.iat)
  end
  if refuses then
    return 0
  end
end
write(new)
if old then
  displace(old)
end
-- A few members of each set that is not new are looked at, and leave it if they are over: so no set holds many that are.
for _, tag in ipairs(link({ new }, live_set)) do
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
