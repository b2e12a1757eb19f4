-- Ends an active job well: keeps it for its retention with its result.
-- KEYS: 1 active list, 2 lease set, 3 completed set, 4 task hash,
--       5 processed counter of the day, 6 processed counter,
--       7 unique lock (only of a job that another asynq client made unique)
-- ARGV: 1 id, 2 end of the day's counter (Unix s), 3 end of retention (Unix s),
--       4 message, 5 unused, 6 finished (Unix ms), 7 field, 8 its value
-- Field 7 is "result" or "lw_discarded", or "" for neither.
-- Returns OK, or the error NOT FOUND when the job is not active any more.
-- Cost: O(active) for the list, O(log completed).
if redis.call("LREM", KEYS[1], 1, ARGV[1]) == 0 then
	return redis.error_reply("NOT FOUND")
end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("ZADD", KEYS[3], ARGV[3], ARGV[1])
redis.call("HDEL", KEYS[4], "result", "lw_discarded")
redis.call("HSET", KEYS[4], "msg", ARGV[4], "state", "completed", "lw_finished", ARGV[6])
if ARGV[7] ~= "" then
	redis.call("HSET", KEYS[4], ARGV[7], ARGV[8])
end
if redis.call("INCR", KEYS[5]) == 1 then
	redis.call("EXPIREAT", KEYS[5], ARGV[2])
end
redis.call("INCR", KEYS[6])
if KEYS[7] and redis.call("GET", KEYS[7]) == ARGV[1] then
	redis.call("DEL", KEYS[7])
end
return redis.status_reply("OK")
