-- Takes a job from a process that has died, or that has lost sight of it.
-- KEYS: 1 active list, 2 lease set, 3 task hash, 4 pending list, 5 archived set,
--       6 holders (HASH of active id to "process token")
-- ARGV: 1 id, 2 "process token" as it was read, 3 the message as it was read, 4 new
--       state (pending or archived), 5 new message, 6 now (Unix s), 7 now (Unix ns),
--       8 queue, 9 wake channel, 10 crashes before its start was noted, 11 what the
--       queue's keys begin with, 12 type, 13 fingerprint, 14 record of the attempt
-- The record is "" for a job that was not started, the fingerprint may be "".
-- Uses index.lua.
-- Uses attempt.lua.
-- Returns 1, or 0 when the job has changed hands in between.
-- A job whose key is of another type counts as one with the message "".
-- Cost: O(active) for the list, from its old end, where such a job is.
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("ZCARD", KEYS[2])
redis.call("LLEN", KEYS[4])
redis.call("ZCARD", KEYS[5])
local msg = redis.pcall("HGET", KEYS[3], "msg")
if type(msg) == "table" then
	msg = ""
end
if redis.call("HGET", KEYS[6], ARGV[1]) ~= ARGV[2] or msg ~= ARGV[3] then
	return 0
end
if redis.call("LREM", KEYS[1], -1, ARGV[1]) == 0 then
	return 0
end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("HDEL", KEYS[6], ARGV[1])
redis.pcall("HSET", KEYS[3], "state", ARGV[4], "msg", ARGV[5], "lw_crashes", ARGV[10])
note(KEYS[3], ARGV[14])
if ARGV[4] == "pending" then
	redis.pcall("HSET", KEYS[3], "pending_since", ARGV[7])
	redis.call("RPUSH", KEYS[4], ARGV[1])
	redis.call("PUBLISH", ARGV[9], "w" .. ARGV[8])
else
	redis.call("ZADD", KEYS[5], ARGV[6], ARGV[1])
	index(ARGV[11], ARGV[1], KEYS[3], "archived", ARGV[6], ARGV[12], ARGV[13])
end
return 1
