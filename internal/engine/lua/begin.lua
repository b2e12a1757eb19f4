-- Notes that handlers of active jobs of one queue are about to start, so that a
-- crash from now on uses up an attempt.
-- KEYS: one task hash per job
-- ARGV: 1 process that holds the jobs
-- Returns one number per job: 1 noted, 0 the job is not this process's any more.
-- Cost: O(jobs).
local out = {}
for i, key in ipairs(KEYS) do
	local held = redis.call("HMGET", key, "state", "lw_holder")
	if held[1] == "active" and held[2] == ARGV[1] then
		redis.call("HSET", key, "lw_started", "1")
		out[i] = 1
	else
		out[i] = 0
	end
end
return out
