-- Notes on a running job that somebody wants it cancelled.
-- KEYS: 1 task hash
-- ARGV: 1 now (Unix ms)
-- Returns 1, or 0 when the job does not run. Cost: O(1).
-- Its first write needs no memory, so that a full Redis lets it run.
if redis.call("HGET", KEYS[1], "state") ~= "active" then
	return 0
end
redis.call("HDEL", KEYS[1], "lw_cancel")
redis.call("HSET", KEYS[1], "lw_cancel", ARGV[1])
return 1
