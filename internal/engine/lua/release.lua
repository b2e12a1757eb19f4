-- Gives an active job back without using up an attempt: to the front of its
-- queue, or to the scheduled set until a given time.
-- KEYS: 1 active list, 2 lease set, 3 pending list, 4 scheduled set, 5 task hash
-- ARGV: 1 id, 2 now (Unix ns), 3 due (Unix s with a fraction, "0" = at once),
--       4 queue, 5 wake channel, 6 this process
-- Returns OK, or the error NOT FOUND when the job is not active any more, or
-- another process's by now.
-- Cost: O(active) for the list, O(log scheduled).
local holder = redis.call("HGET", KEYS[5], "lw_holder")
if (holder and holder ~= ARGV[6]) or redis.call("LREM", KEYS[1], 1, ARGV[1]) == 0 then
	return redis.error_reply("NOT FOUND")
end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("HDEL", KEYS[5], "lw_holder", "lw_started")
if ARGV[3] == "0" then
	redis.call("RPUSH", KEYS[3], ARGV[1])
	redis.call("HSET", KEYS[5], "state", "pending", "pending_since", ARGV[2])
	redis.call("PUBLISH", ARGV[5], "w" .. ARGV[4])
else
	redis.call("ZADD", KEYS[4], ARGV[3], ARGV[1])
	redis.call("HSET", KEYS[5], "state", "scheduled")
	redis.call("PUBLISH", ARGV[5], "d" .. ARGV[4])
end
return redis.status_reply("OK")
