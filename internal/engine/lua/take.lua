-- Takes jobs of one queue for this process.
-- KEYS: 1 pending list, 2 paused mark, 3 active list, 4 lease set, 5 token counter,
--       6 archived set, 7 holders (HASH of active id to "process token"), 8 retry
--       set, 9 completed set
-- Uses index.lua.
-- ARGV: 1 end of the lease (Unix s), 2 what the queue's keys begin with, 3 most jobs to take,
--       4 this process, 5 now (Unix s), 6 step
-- Returns the number of jobs left, the token before the first one's, times, and then
-- id and message of each job taken, the oldest first: their tokens count up by one.
-- The times say since when jobs are pending (Unix ns, or ""): each of them, or, when
-- more than twice the step are popped, the first of every step and the last one, for
-- to read a time costs as much as to read a message. A paused queue counts as empty.
-- An id without a message is dropped: its job was deleted. An id whose key is of
-- another type, or whose message is empty, becomes a dead letter for people to look
-- at, and comes last with the message "".
-- Cost: O(taken * log lease).
if redis.call("EXISTS", KEYS[2]) == 1 then
	return {0, 0, {}}
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
	return {0, 0, {}}
end
local token = redis.call("INCRBY", KEYS[5], #ids) - #ids
local times, held, leases, claims, dead = {}, {}, {}, {}, {}
local out = {0, token, times}
local prefix, me, n = ARGV[2] .. "t:", ARGV[4] .. " ", 0
local step = tonumber(ARGV[6])
if #ids <= 2 * step then
	step = 1
end
local function tell(key)
	times[#times + 1] = redis.call("HGET", key, "pending_since") or ""
end
for _, id in ipairs(ids) do
	local key = prefix .. id
	local msg = redis.pcall("HGET", key, "msg")
	if type(msg) == "table" or msg == "" then
		redis.call("ZADD", KEYS[6], ARGV[5], id)
		index(ARGV[2], id, key, "archived", ARGV[5], "", "")
		dead[#dead + 1] = id
	elseif msg then
		redis.call("HSET", key, "state", "active")
		if n % step == 0 then
			tell(key)
		end
		n = n + 1
		held[n] = id
		leases[2 * n - 1], leases[2 * n] = ARGV[1], id
		claims[2 * n - 1], claims[2 * n] = id, me .. (token + n)
		out[2 * n + 2], out[2 * n + 3] = id, msg
	end
end
if n > 0 then
	if (n - 1) % step > 0 then
		tell(prefix .. held[n])
	end
	redis.call("LPUSH", KEYS[3], unpack(held))
	redis.call("ZADD", KEYS[4], unpack(leases))
	redis.call("HSET", KEYS[7], unpack(claims))
end
for _, id in ipairs(dead) do
	out[#out + 1], out[#out + 2] = id, ""
end
out[1] = redis.call("LLEN", KEYS[1])
return out
