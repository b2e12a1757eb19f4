-- Gives active jobs of one queue back without using up an attempt: to the front
-- of the queue, or to the scheduled set until a given time.
-- KEYS: 1 active list, 2 lease set, 3 pending list, 4 scheduled set, 5 holders
--       (HASH of active id to "process token")
-- ARGV: 1 now (Unix ns), 2 task key prefix, 3 queue, 4 wake channel, 5 this
--       process; then for each job, in the order in which they were taken: id,
--       token, due (Unix s with a fraction, "0" = at once)
-- Returns one number per job, in order: 1 given back, 0 not active any more, or
-- held by somebody else, or under another token, by now.
-- Cost: O(active) per job for the list, O(log scheduled) for a later time.
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("LLEN", KEYS[1])
redis.call("ZCARD", KEYS[2])
redis.call("LLEN", KEYS[3])
redis.call("ZCARD", KEYS[4])
local out, front, later = {}, false, false
for i = #ARGV - 2, 6, -3 do
	local id, due = ARGV[i], ARGV[i + 2]
	local key = ARGV[2] .. id
	local n = (i - 6) / 3 + 1
	out[n] = 0
	if redis.call("HGET", KEYS[5], id) == ARGV[5] .. " " .. ARGV[i + 1] and redis.call("LREM", KEYS[1], 1, id) == 1 then
		out[n] = 1
		redis.call("ZREM", KEYS[2], id)
		redis.call("HDEL", KEYS[5], id)
		if due == "0" then
			redis.call("RPUSH", KEYS[3], id)
			redis.pcall("HSET", key, "state", "pending", "pending_since", ARGV[1])
			front = true
		else
			redis.call("ZADD", KEYS[4], due, id)
			redis.pcall("HSET", key, "state", "scheduled")
			later = true
		end
	end
end
if front then
	redis.call("PUBLISH", ARGV[4], "w" .. ARGV[3])
end
if later then
	redis.call("PUBLISH", ARGV[4], "d" .. ARGV[3])
end
return out
