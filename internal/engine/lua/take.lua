-- Takes jobs of one queue for this process.
-- KEYS: 1 pending list, 2 paused mark, 3 active list, 4 lease set, 5 token counter,
--       6 archived set, 7 holders (HASH of active id to "process token"), 8 retry
--       set, 9 completed set
-- Uses index.lua.
-- ARGV: 1 end of the lease (Unix s), 2 what the queue's keys begin with, 3 most jobs to take,
--       4 this process, 5 now (Unix s)
-- Returns the number of jobs left, the token before the first one's, then id, message
-- and time since when it is pending (Unix ns, or "") of each job taken, the oldest
-- first: their tokens count up by one. A paused queue counts as empty. An id without a message is dropped: its job was
-- deleted. An id whose key is of another type, or whose message is empty, becomes
-- a dead letter for people to look at, and comes last with the message "".
-- Cost: O(taken * log lease).
if redis.call("EXISTS", KEYS[2]) == 1 then
	return {0, 0}
end
-- A key of the wrong type stops the script here, before it has moved anything. So
-- does one that only the end of a job needs: jobs that cannot end must not pile up.
redis.call("LLEN", KEYS[3])
redis.call("HLEN", KEYS[7])
for _, i in ipairs({4, 6, 8, 9}) do
	redis.call("ZCARD", KEYS[i])
end
if string.find(redis.call("GET", KEYS[5]) or "0", "%D") then
	return redis.error_reply("WRONGTYPE " .. KEYS[5] .. " is not a number")
end
local ids = redis.call("RPOP", KEYS[1], ARGV[3])
if not ids or #ids == 0 then
	return {0, 0}
end
local token = redis.call("INCRBY", KEYS[5], #ids) - #ids
local out, held, leases, claims, dead = {0, token}, {}, {}, {}, {}
local prefix, me, n = ARGV[2] .. "t:", ARGV[4] .. " ", 0
for _, id in ipairs(ids) do
	local key = prefix .. id
	local body = redis.pcall("HMGET", key, "msg", "pending_since")
	local msg = body[1]
	if body.err or msg == "" then
		redis.call("ZADD", KEYS[6], ARGV[5], id)
		index(ARGV[2], id, key, "archived", ARGV[5], "", "")
		dead[#dead + 1] = id
	elseif msg then
		redis.call("HSET", key, "state", "active")
		n = n + 1
		held[n] = id
		leases[2 * n - 1], leases[2 * n] = ARGV[1], id
		claims[2 * n - 1], claims[2 * n] = id, me .. (token + n)
		out[3 * n], out[3 * n + 1], out[3 * n + 2] = id, msg, body[2] or ""
	end
end
if n > 0 then
	redis.call("LPUSH", KEYS[3], unpack(held))
	redis.call("ZADD", KEYS[4], unpack(leases))
	redis.call("HSET", KEYS[7], unpack(claims))
end
for _, id in ipairs(dead) do
	out[#out + 1], out[#out + 2], out[#out + 3] = id, "", ""
end
out[1] = redis.call("LLEN", KEYS[1])
return out
