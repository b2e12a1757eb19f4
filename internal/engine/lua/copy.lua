-- Stores a job that is an edited copy of another one: at once, or to start later.
-- Uses index.lua.
-- Uses place.lua.
-- KEYS: 1 pending list, 2 scheduled set, 3 task hash, 4 mark that says of the copy that
--       it was stored
-- ARGV: 1 what the queue's keys begin with, 2 queue, 3 wake channel, 4 id, 5 message,
--       6 due (Unix s with a fraction, "0" = at once), 7 id of the other job, 8 "1" to
--       put it first in line, 9 now (Unix ns), 10 how long the mark is kept (s)
-- Returns 1 stored; 2 an earlier call has stored it, though it may have ended and be
-- gone; 0 the id belongs to another job.
-- Cost: O(1), or O(log scheduled) to start later.
-- A key of the wrong type stops the script here, before it has stored anything. Its
-- first write needs memory on purpose: a full Redis is to refuse it.
redis.call("LLEN", KEYS[1])
redis.call("ZCARD", KEYS[2])
if redis.call("EXISTS", KEYS[4]) == 1 then
	return 2
end
if redis.call("EXISTS", KEYS[3]) == 1 then
	return 0
end
local state = ARGV[6] == "0" and "pending" or "scheduled"
redis.call("HSET", KEYS[3], "msg", ARGV[5], "state", state, "lw_from", ARGV[7])
if state == "pending" then
	redis.call("HSET", KEYS[3], "pending_since", ARGV[9])
end
place(ARGV[1], ARGV[4], state, ARGV[6], "", "", ARGV[8] == "1" and "RPUSH" or "LPUSH")
redis.call("SET", KEYS[4], "1", "EX", ARGV[10])
tell(ARGV[3], ARGV[2])
return 1
