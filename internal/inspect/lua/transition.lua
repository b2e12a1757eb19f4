-- Moves a job that is not running from one state to another, if it is still as
-- the caller has read it.
-- KEYS: 1 task hash, 2 list or set of the old state, 3 list or set of the new one
-- ARGV: 1 id, 2 old state, 3 old message, 4 new state, 5 new message,
--       6 now (Unix s), 7 now (Unix ns), 8 queue, 9 wake channel, 10 what the
--       queue's keys begin with, 11 type, 12 edited copy as read, 13 "LPUSH" or
--       "RPUSH", which puts a pending job first in line
-- Uses displace.lua.
-- Uses index.lua.
-- Returns 1, or 0 when the job has changed in between.
-- Cost: O(queue length) out of pending, else O(log set).
local job = redis.call("HMGET", KEYS[1], "state", "msg", "lw_as")
if job[1] ~= ARGV[2] or job[2] ~= ARGV[3] or (job[3] or "") ~= ARGV[12] then
	return 0
end
if displace(KEYS[2], ARGV[2], ARGV[1]) == 0 then
	return 0
end
local fingerprint = unindex(ARGV[10], ARGV[1], KEYS[1])
redis.call("HDEL", KEYS[1], "pending_since", "result", "lw_discarded", "lw_finished", "lw_cancel", "lw_unstarted", "lw_as")
redis.call("HSET", KEYS[1], "msg", ARGV[5], "state", ARGV[4])
if ARGV[4] == "pending" then
	redis.call(ARGV[13], KEYS[3], ARGV[1])
	redis.call("HSET", KEYS[1], "pending_since", ARGV[7])
	redis.call("PUBLISH", ARGV[9], "w" .. ARGV[8])
else
	redis.call("ZADD", KEYS[3], ARGV[6], ARGV[1])
	index(ARGV[10], ARGV[1], KEYS[1], ARGV[4], ARGV[6], ARGV[11], fingerprint)
	redis.call("HSET", KEYS[1], "lw_unstarted", "1")
end
return 1
