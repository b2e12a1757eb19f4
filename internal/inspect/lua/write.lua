-- Sets fields of a hash, unless it has the field that forbids it.
-- KEYS: 1 the hash
-- ARGV: 1 how long it is kept (s), 0 for ever, 2 the field that forbids it, or "",
--       3 "1" when the hash has to exist; then field and value, in turn
-- Returns "", or what the field is that forbids it; false when there is no hash.
-- Cost: O(fields).
if ARGV[3] == "1" and redis.call("EXISTS", KEYS[1]) == 0 then
	return false
end
local had = ARGV[2] ~= "" and redis.call("HGET", KEYS[1], ARGV[2])
if had then
	return had
end
redis.call("HDEL", KEYS[1], "") -- the first write removes: a full Redis lets the script go on
redis.call("HSET", KEYS[1], unpack(ARGV, 4))
if ARGV[1] ~= "0" then
	redis.call("EXPIRE", KEYS[1], ARGV[1])
end
return ""
