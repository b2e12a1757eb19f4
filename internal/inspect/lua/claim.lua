-- Notes of a job that has ended which edited copy is retried in its place, if the job
-- is still as the caller has read it.
-- KEYS: 1 task hash
-- ARGV: 1 state, 2 message, 3 copy noted before, 4 copy; a copy may be ""
-- Returns 1, or 0 when the job has changed in between. Cost: O(1).
-- Its first write removes, so that a full Redis lets it run.
local job = redis.call("HMGET", KEYS[1], "state", "msg", "lw_as")
if job[1] ~= ARGV[1] or job[2] ~= ARGV[2] or (job[3] or "") ~= ARGV[3] then
	return 0
end
redis.call("HDEL", KEYS[1], "lw_as")
if ARGV[4] ~= "" then
	redis.call("HSET", KEYS[1], "lw_as", ARGV[4])
end
return 1
