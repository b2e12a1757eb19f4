-- Ends attempts of active jobs of one queue that failed: each waits for its next
-- attempt or becomes a dead letter. No dead letter is trimmed.
-- KEYS: 1 active list, 2 lease set, 3 retry set, 4 archived set, 5 processed
--       counter of the day, 6 failed counter of the day, 7 processed counter,
--       8 failed counter, 9 holders (HASH of active id to "process token")
-- ARGV: 1 end of the day's counters (Unix s), 2 this process, 3 what the queue's keys
--       begin with; then for each job: id, token, state ("retry" or "archived"),
--       score (Unix s: the next attempt, with a fraction, or the death), message,
--       unique lock, type, fingerprint, record of the attempt
-- The unique lock is the key of asynq's, released with a dead letter, or "". The
-- fingerprint and the record may be "".
-- Uses index.lua.
-- Uses attempt.lua.
-- Uses unlock.lua.
-- A job whose own key, or a counter whose key, is of another type does not keep the
-- others from ending.
-- Returns one number per job, in order: 1 ended, 0 not active any more, or held by
-- somebody else, or under another token, by now.
-- Cost: O(active + log set) per job.
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("LLEN", KEYS[1])
for i = 2, 4 do
	redis.call("ZCARD", KEYS[i])
end
local out, ended = {}, 0
for i = 4, #ARGV, 9 do
	local id, to = ARGV[i], ARGV[i + 2]
	local key = ARGV[3] .. "t:" .. id
	local n = (i - 4) / 9 + 1
	out[n] = 0
	if redis.call("HGET", KEYS[9], id) == ARGV[2] .. " " .. ARGV[i + 1] and redis.call("LREM", KEYS[1], -1, id) > 0 then
		out[n] = 1
		ended = ended + 1
		redis.call("ZREM", KEYS[2], id)
		redis.call("ZADD", to == "retry" and KEYS[3] or KEYS[4], ARGV[i + 3], id)
		redis.call("HDEL", KEYS[9], id)
		redis.pcall("HSET", key, "msg", ARGV[i + 4], "state", to)
		note(key, ARGV[i + 8])
		index(ARGV[3], id, key, to, ARGV[i + 3], ARGV[i + 6], ARGV[i + 7])
		unlock(ARGV[3], ARGV[i + 5], id)
	end
end
if ended > 0 then
	for n = 5, 6 do
		if redis.pcall("INCRBY", KEYS[n], ended) == ended then
			redis.call("EXPIREAT", KEYS[n], ARGV[1])
		end
		redis.pcall("INCRBY", KEYS[n + 2], ended)
	end
end
return out
