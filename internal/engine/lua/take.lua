-- Takes jobs of one queue for this process.
-- KEYS: 1 pending list, 2 paused mark, 3 active list, 4 lease set
-- ARGV: 1 end of the lease (Unix s), 2 task key prefix, 3 most jobs to take,
--       4 this process
-- Returns the number of jobs left, then id and message of each job taken, the
-- oldest first. A paused queue counts as empty. An id without a message is
-- dropped: its job was deleted.
-- Its first write needs no memory, so that a full Redis lets it run (vital.go).
-- Cost: O(taken * log lease).
if redis.call("EXISTS", KEYS[2]) == 1 then
	return {0}
end
local out = {0}
for _ = 1, tonumber(ARGV[3]) do
	local id = redis.call("RPOP", KEYS[1])
	if not id then
		return out
	end
	redis.call("LPUSH", KEYS[3], id)
	local key = ARGV[2] .. id
	local msg = redis.call("HGET", key, "msg")
	if msg then
		redis.call("HSET", key, "state", "active", "lw_holder", ARGV[4])
		redis.call("HDEL", key, "pending_since", "lw_started")
		redis.call("ZADD", KEYS[4], ARGV[1], id)
		out[#out + 1] = id
		out[#out + 1] = msg
	else
		redis.call("LREM", KEYS[3], 1, id)
	end
end
out[1] = redis.call("LLEN", KEYS[1])
return out
