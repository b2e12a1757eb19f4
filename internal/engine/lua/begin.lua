-- Notes that handlers of active jobs of one queue have started, so that a crash
-- from now on uses up an attempt.
-- KEYS: one task hash per job
-- ARGV: 1 process that holds the jobs
-- Returns the number of jobs noted: those that the process still holds.
-- Its first write needs no memory, so that a full Redis lets it run (vital.go).
-- Cost: O(jobs).
local noted = 0
for _, key in ipairs(KEYS) do
	local held = redis.call("HMGET", key, "state", "lw_holder")
	if held[1] == "active" and held[2] == ARGV[1] then
		redis.call("HDEL", key, "lw_started")
		redis.call("HSET", key, "lw_started", "1")
		noted = noted + 1
	end
end
return noted
