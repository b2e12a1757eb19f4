-- Takes jobs of one queue for this process.
-- KEYS: 1 pending list, 2 paused mark, 3 active list, 4 lease set
-- ARGV: 1 end of the lease (Unix s), 2 task key prefix, 3 most jobs to take, at
--       most 1000, 4 this process
-- Returns the number of jobs left, then id and message of each job taken, the
-- oldest first. A paused queue counts as empty. An id without a message is
-- dropped: its job was deleted.
-- Its first write needs no memory, so that a full Redis lets it run (vital.go).
-- Cost: O(taken * log lease).
if redis.call("EXISTS", KEYS[2]) == 1 then
	return {0}
end
-- A key of a wrong type must fail before anything is popped, not after it.
redis.call("LLEN", KEYS[3])
redis.call("ZCARD", KEYS[4])
local out = {0}
local ids = redis.call("RPOP", KEYS[1], ARGV[3])
if not ids then
	return out
end
local taken, leases = {}, {}
for _, id in ipairs(ids) do
	local key = ARGV[2] .. id
	local msg = redis.pcall("HGET", key, "msg")
	if type(msg) == "string" then
		redis.call("HSET", key, "state", "active", "lw_holder", ARGV[4])
		redis.call("HDEL", key, "pending_since", "lw_started")
		taken[#taken + 1] = id
		leases[#leases + 1] = ARGV[1]
		leases[#leases + 1] = id
		out[#out + 1] = id
		out[#out + 1] = msg
	end
end
if #taken > 0 then
	redis.call("LPUSH", KEYS[3], unpack(taken))
	redis.call("ZADD", KEYS[4], unpack(leases))
end
out[1] = redis.call("LLEN", KEYS[1])
return out
