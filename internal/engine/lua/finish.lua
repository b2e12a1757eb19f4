-- Ends active jobs of one queue well: keeps each for its retention with its
-- result, or deletes it.
-- KEYS: 1 active list, 2 lease set, 3 completed set, 4 processed counter of the
--       day, 5 processed counter; then one task hash per job
-- ARGV: 1 end of the day's counter (Unix s), 2 finished (Unix ms), 3 this
--       process; then for each job: id, end of retention (Unix s, "0" = delete), message, field, value
-- The field is "result" or "lw_discarded", or "" for neither.
-- Returns one number per job: 1 ended, 0 not active any more, or another
-- process's by now.
-- Cost: O(active) per job for the list, from its old end, where they are.
local out = {}
local ended = 0
for i = 6, #KEYS do
	local arg = 4 + (i - 6) * 5
	local id = ARGV[arg]
	local holder = redis.call("HGET", KEYS[i], "lw_holder")
	if (holder and holder ~= ARGV[3]) or redis.call("LREM", KEYS[1], -1, id) == 0 then
		out[i - 5] = 0
	else
		redis.call("ZREM", KEYS[2], id)
		if ARGV[arg + 1] == "0" then
			redis.call("DEL", KEYS[i])
		else
			redis.call("ZADD", KEYS[3], ARGV[arg + 1], id)
			redis.call("HDEL", KEYS[i], "result", "lw_discarded")
			if ARGV[arg + 3] == "" then
				redis.call("HSET", KEYS[i], "msg", ARGV[arg + 2], "state", "completed", "lw_finished", ARGV[2])
			else
				redis.call("HSET", KEYS[i], "msg", ARGV[arg + 2], "state", "completed", "lw_finished", ARGV[2], ARGV[arg + 3], ARGV[arg + 4])
			end
		end
		ended = ended + 1
		out[i - 5] = 1
	end
end
if ended > 0 then
	if redis.call("INCRBY", KEYS[4], ended) == ended then
		redis.call("EXPIREAT", KEYS[4], ARGV[1])
	end
	redis.call("INCRBY", KEYS[5], ended)
end
return out
