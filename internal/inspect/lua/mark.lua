-- Notes on a running job that somebody wants it cancelled.
-- KEYS: 1 task hash
-- Returns 1, or 0 when the job does not run. Cost: O(1).
if redis.call("HGET", KEYS[1], "state") ~= "active" then
	return 0
end
redis.call("HSET", KEYS[1], "lw_cancel", "1")
return 1
