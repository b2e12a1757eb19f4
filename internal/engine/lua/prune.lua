-- Takes ids out of an index of one queue whose jobs do not stand in its state any more,
-- or are of another type or fingerprint by now.
-- KEYS: 1 the state's sorted set, 2 index, 3 names of the indexes (SET)
-- ARGV: 1 what the queue's keys begin with, 2 the index' name; then ids
-- Returns how many were taken out. A ghost, which has no hash, stays by its state alone.
-- Cost: O(log set) per id.
local n = 0
for i = 3, #ARGV do
	local id = ARGV[i]
	local as = redis.pcall("HGET", ARGV[1] .. "t:" .. id, "lw_index")
	local stays = redis.call("ZSCORE", KEYS[1], id)
	if stays and type(as) == "string" then
		local state, fingerprint, kind = string.match(as, "^(%S*) (%S*) (.*)$")
		stays = state and (ARGV[2] == state .. ":t:" .. kind or ARGV[2] == state .. ":f:" .. fingerprint)
	end
	if not stays then
		n = n + redis.call("ZREM", KEYS[2], id)
	end
end
if redis.call("EXISTS", KEYS[2]) == 0 then
	redis.call("SREM", KEYS[3], ARGV[2])
end
return n
