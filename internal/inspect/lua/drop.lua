-- Deletes dead letters of one queue that are still as the caller has read them.
-- Uses index.lua.
-- Uses unlock.lua.
-- KEYS: 1 archived set
-- ARGV: 1 what the queue's keys begin with; then for each letter: id, message, number
--       of failures recorded; both "" when the job has none
-- Returns one number per letter: 1 deleted, 0 left as it is.
-- Cost: O(letters * log archived).
local out = {}
local nameless = "lw_by:archived:t:" -- index of letters without a hash
for i = 2, #ARGV, 3 do
	local id, key = ARGV[i], ARGV[1] .. "t:" .. ARGV[i]
	local job = redis.pcall("HMGET", key, "state", "msg", "lw_fails", "unique_key")
	local n = #out + 1
	out[n] = 0
	if not job.err and (job[1] or "archived") == "archived" and (job[2] or "") == ARGV[i + 1] and (job[3] or "") == ARGV[i + 2]
		and redis.call("ZREM", KEYS[1], id) == 1 then
		unindex(ARGV[1], id, key)
		unlock(ARGV[1], job[4], id)
		if redis.call("DEL", key) == 0 and redis.pcall("ZREM", ARGV[1] .. nameless, id) == 1 and redis.pcall("EXISTS", ARGV[1] .. nameless) == 0 then
			redis.pcall("SREM", ARGV[1] .. "lw_indexes", "archived:t:")
		end
		out[n] = 1
	end
end
return out
