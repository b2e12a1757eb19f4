-- Makes due jobs of one queue pending, oldest first.
-- KEYS: 1 scheduled or retry set, 2 pending list
-- Uses index.lua.
-- ARGV: 1 now (Unix s, with a fraction), 2 now (Unix ns), 3 what the queue's keys
--       begin with, 4 most jobs to move, 5 queue, 6 wake channel
-- Jobs of an asynq group are left to the asynq server that aggregates them. A job
-- whose key is of another type becomes pending, too: take.lua sees to it.
-- Returns the number of jobs moved and the earliest score left, or "".
-- Cost: O(moved * log set).
local empty = redis.call("LLEN", KEYS[2]) == 0
local due = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[4])
local gone, ready, indexed = {}, {}, {}
for _, id in ipairs(due) do
	local key = ARGV[3] .. "t:" .. id
	local job = redis.pcall("HMGET", key, "group", "state", "lw_index")
	if job.err then
		gone[#gone + 1], ready[#ready + 1] = id, id
	elseif not job[1] then
		gone[#gone + 1] = id
		if job[2] then
			ready[#ready + 1] = id
		end
		if job[3] then
			indexed[#indexed + 1] = id
		end
	end
end
if #gone > 0 and #gone == #due then
	redis.call("ZREMRANGEBYRANK", KEYS[1], 0, #due - 1) -- the same ones, without looking for each
elseif #gone > 0 then
	redis.call("ZREM", KEYS[1], unpack(gone))
end
for _, id in ipairs(indexed) do
	unindex(ARGV[3], id, ARGV[3] .. "t:" .. id)
end
if #ready > 0 then
	redis.call("LPUSH", KEYS[2], unpack(ready))
	for _, id in ipairs(ready) do
		redis.pcall("HSET", ARGV[3] .. "t:" .. id, "state", "pending", "pending_since", ARGV[2])
	end
end
if empty and #ready > 0 then
	redis.call("PUBLISH", ARGV[6], "w" .. ARGV[5])
end
local left = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
return {#gone, left[2] or ""}
