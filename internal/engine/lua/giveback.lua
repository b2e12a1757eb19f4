-- Puts jobs that were taken and not started back to the front of their queue.
-- KEYS: 1 active list, 2 lease set, 3 pending list
-- ARGV: 1 now (Unix ns), 2 task key prefix, 3 queue, 4 wake channel, 5 this
-- process; then the ids in the order in which they were taken.
-- Jobs that are another process's by now are left alone.
-- Returns the number of jobs put back. Cost: O(active) per job.
local back = 0
for i = #ARGV, 6, -1 do
	local ours = redis.call("HGET", ARGV[2] .. ARGV[i], "lw_holder") == ARGV[5]
	if ours and redis.call("LREM", KEYS[1], 1, ARGV[i]) == 1 then
		redis.call("ZREM", KEYS[2], ARGV[i])
		redis.call("RPUSH", KEYS[3], ARGV[i])
		redis.call("HDEL", ARGV[2] .. ARGV[i], "lw_holder", "lw_started")
		redis.call("HSET", ARGV[2] .. ARGV[i], "state", "pending", "pending_since", ARGV[1])
		back = back + 1
	end
end
if back > 0 then
	redis.call("PUBLISH", ARGV[4], "w" .. ARGV[3])
end
return back
