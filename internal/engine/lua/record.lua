-- Records a failed attempt that a script of asynq's has just ended.
-- KEYS: 1 task hash, 2 retry or archived set
-- ARGV: 1 id, 2 its state now, 3 what the queue's keys begin with, 4 type,
--       5 fingerprint, 6 record of the attempt
-- Returns 1, or 0 when the job has moved on in between. Cost: O(log set).
-- Uses index.lua.
-- Uses attempt.lua.
local score = redis.call("ZSCORE", KEYS[2], ARGV[1])
if not score or redis.call("HGET", KEYS[1], "state") ~= ARGV[2] then
	return 0
end
redis.call("HDEL", KEYS[1], "")
note(KEYS[1], ARGV[6])
index(ARGV[3], ARGV[1], KEYS[1], ARGV[2], score, ARGV[4], ARGV[5])
return 1
