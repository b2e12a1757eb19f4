-- Changes a job that waits, if it is still as the caller has read it.
-- Uses displace.lua.
-- Uses index.lua.
-- Uses place.lua.
-- KEYS: 1 task hash, 2 list or set of its state, 3 set of its new one
-- ARGV: 1 what the queue's keys begin with, 2 id, 3 state, 4 message as read, 5 new
--       message, 6 new state, 7 its new time (Unix s), or "" to leave it in its place,
--       8 type, 9 queue, 10 wake channel
-- Returns 1, or 0 when the job has changed in between.
-- Cost: O(queue length) out of pending to another time, else O(log set).
local job = redis.call("HMGET", KEYS[1], "state", "msg")
if job[1] ~= ARGV[3] or job[2] ~= ARGV[4] then
	return 0
end
if ARGV[7] == "" then
	redis.call("HDEL", KEYS[1], "") -- the first write removes: a full Redis lets the script go on
	redis.call("HSET", KEYS[1], "msg", ARGV[5])
	return 1
end
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("ZCARD", KEYS[3])
if displace(KEYS[2], ARGV[3], ARGV[2]) == 0 then
	return 0
end
local fingerprint = unindex(ARGV[1], ARGV[2], KEYS[1])
redis.call("HDEL", KEYS[1], "pending_since")
redis.call("HSET", KEYS[1], "msg", ARGV[5], "state", ARGV[6])
place(ARGV[1], ARGV[2], ARGV[6], ARGV[7], ARGV[8], fingerprint, "LPUSH")
tell(ARGV[10], ARGV[9])
return 1
