-- Makes due jobs of one queue pending, oldest first.
-- KEYS: 1 scheduled or retry set, 2 pending list
-- ARGV: 1 now (Unix s, with a fraction), 2 now (Unix ns), 3 task key prefix,
--       4 most jobs to move, 5 queue, 6 wake channel
-- Jobs of an asynq group are left to the asynq server that aggregates them. A job
-- whose key is of another type becomes pending, too: take.lua sees to it.
-- Returns the number of jobs moved and the earliest score left, or "".
-- Cost: O(moved * log set).
local empty = redis.call("LLEN", KEYS[2]) == 0
local moved = 0
for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[4])) do
	local key = ARGV[3] .. id
	local group = redis.pcall("HEXISTS", key, "group")
	if type(group) == "table" then
		redis.call("ZREM", KEYS[1], id)
		redis.call("LPUSH", KEYS[2], id)
		moved = moved + 1
	elseif group == 0 then
		redis.call("ZREM", KEYS[1], id)
		if redis.call("HEXISTS", key, "msg") == 1 then
			redis.call("LPUSH", KEYS[2], id)
			redis.call("HSET", key, "state", "pending", "pending_since", ARGV[2])
		end
		moved = moved + 1
	end
end
if empty and moved > 0 then
	redis.call("PUBLISH", ARGV[6], "w" .. ARGV[5])
end
local left = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
return {moved, left[2] or ""}
