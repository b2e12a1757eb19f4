-- Ends active jobs of one queue well: deletes them, or keeps them for their
-- retention with their results.
-- Uses unlock.lua.
-- KEYS: 1 active list, 2 lease set, 3 completed set, 4 processed counter of the
--       day, 5 processed counter, 6 holders (HASH of active id to "process token")
-- ARGV: 1 end of the day's counter (Unix s), 2 finished (Unix ms), 3 this process,
--       4 task key prefix, 5 number of jobs n, 6 how many of them, the first ones,
--       are to be deleted; n ids; n tokens; for each job to keep: end of retention
--       (Unix s), message, field, value; then pairs of a number from 1 to n and the
--       key of asynq's unique lock to release with that job
-- The field is "result" or "lw_discarded", or "" for neither.
-- A job whose own key, or a counter whose key, is of another type does not keep the
-- others from ending.
-- Returns one number per job, in order: 1 ended, 0 not active any more, or held by
-- somebody else, or under another token, by now.
-- Cost: O(jobs * log lease) when they are the oldest active ones, which they
-- mostly are; O(active) for each that is not.
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("ZCARD", KEYS[2])
redis.call("ZCARD", KEYS[3])
local prefix, n, drop = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local me, out, wanted, missing = ARGV[3] .. " ", {}, {}, 0
local held = redis.call("HMGET", KEYS[6], unpack(ARGV, 7, 6 + n))
for i = 1, n do
	local id = ARGV[6 + i]
	out[i] = 0
	if held[i] and held[i] == me .. ARGV[6 + n + i] and not wanted[id] then
		wanted[id] = i
		missing = missing + 1
	end
end
if missing == 0 then
	return out
end
-- The oldest active ids are on the right. Others found there go back in order.
local ended, back, count = {}, {}, 0
for _, id in ipairs(redis.call("RPOP", KEYS[1], missing) or {}) do
	local i = wanted[id]
	if i then
		out[i] = 1
		wanted[id] = nil
		count = count + 1
		ended[count] = id
	else
		table.insert(back, 1, id)
	end
end
if #back > 0 then
	redis.call("RPUSH", KEYS[1], unpack(back))
end
if count < missing then
	for id, i in pairs(wanted) do
		if redis.call("LREM", KEYS[1], -1, id) > 0 then
			out[i] = 1
			count = count + 1
			ended[count] = id
		end
	end
end
if count == 0 then
	return out
end
redis.call("ZREM", KEYS[2], unpack(ended))
redis.call("HDEL", KEYS[6], unpack(ended))
local gone, kept = {}, {}
for i = 1, drop do
	if out[i] == 1 then
		gone[#gone + 1] = prefix .. ARGV[6 + i]
	end
end
if #gone > 0 then
	redis.call("DEL", unpack(gone))
end
local arg = 7 + 2 * n
for i = drop + 1, n do
	if out[i] == 1 then
		local id = ARGV[6 + i]
		kept[#kept + 1], kept[#kept + 2] = ARGV[arg], id
		if ARGV[arg + 2] == "" then
			redis.pcall("HSET", prefix .. id, "msg", ARGV[arg + 1], "state", "completed", "lw_finished", ARGV[2])
		else
			redis.pcall("HSET", prefix .. id, "msg", ARGV[arg + 1], "state", "completed", "lw_finished", ARGV[2], ARGV[arg + 2], ARGV[arg + 3])
		end
	end
	arg = arg + 4
end
if #kept > 0 then
	redis.call("ZADD", KEYS[3], unpack(kept))
end
local base = string.sub(prefix, 1, -3) -- without "t:"
for a = arg, #ARGV, 2 do
	local i = tonumber(ARGV[a])
	if out[i] == 1 then
		unlock(base, ARGV[a + 1], ARGV[6 + i])
	end
end
if redis.pcall("INCRBY", KEYS[4], count) == count then
	redis.call("EXPIREAT", KEYS[4], ARGV[1])
end
redis.pcall("INCRBY", KEYS[5], count)
return out
