-- Puts jobs of one queue into the indexes of the state that they stand in.
-- KEYS: 1 the state's sorted set
-- ARGV: 1 what the queue's keys begin with, 2 state; then for each job: id, type,
--       fingerprint or ""
-- Uses index.lua.
-- Returns how many were put in: a job that has left the state meanwhile is not.
-- Cost: O(log set) per job.
local n = 0
for i = 3, #ARGV, 3 do
	local score = redis.call("ZSCORE", KEYS[1], ARGV[i])
	if score then
		index(ARGV[1], ARGV[i], ARGV[1] .. "t:" .. ARGV[i], ARGV[2], score, ARGV[i + 1], ARGV[i + 2])
		n = n + 1
	end
end
return n
