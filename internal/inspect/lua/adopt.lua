-- Takes jobs that come from another queue into this one. To repeat the call changes
-- nothing, even if the jobs have ended since.
-- Uses index.lua.
-- Uses place.lua.
-- KEYS: 1 what became of each job of this step of the move (HASH), 2 token counter,
--       3 pending list
-- ARGV: 1 what the queue's keys begin with, 2 queue, 3 wake channel, 4 tokens that the
--       other queue has given, 5 how long KEYS[1] is kept (s), 6 "1" to put pending
--       jobs first in line; then for each job: id, state, score, fingerprint, type,
--       number of fields, then the name and value of each field of its hash
-- Returns one number per job: 1 it is here, 2 another job has its id.
-- Cost: O(fields + log set) per job.
local prefix, front = ARGV[1], ARGV[6] == "1"
-- A key of the wrong type stops the script here, before it has written anything.
redis.call("LLEN", KEYS[3])
for _, set in ipairs({"scheduled", "retry", "archived"}) do
	redis.call("ZCARD", prefix .. set)
end
local has = redis.call("GET", KEYS[2]) or "0"
if string.find(has, "%D") then
	return redis.error_reply("WRONGTYPE " .. KEYS[2] .. " is not a number")
end
redis.call("HDEL", KEYS[1], "") -- the first write removes: a full Redis lets the script go on
-- The runs of a job under later tokens have to be told from those under earlier ones.
if tonumber(has) < tonumber(ARGV[4]) then
	redis.call("SET", KEYS[2], ARGV[4])
end

local function settle(id, state, score, fingerprint, kind, from, to)
	local key = prefix .. "t:" .. id
	local before = redis.call("HGET", KEYS[1], id)
	if before then
		return tonumber(before)
	end
	if redis.call("EXISTS", key) == 1 then
		redis.call("HSET", KEYS[1], id, 2)
		return 2
	end
	for k = from, to, 400 do
		redis.call("HSET", key, unpack(ARGV, k, math.min(k + 399, to)))
	end
	place(prefix, id, state, score, kind, fingerprint, front and "RPUSH" or "LPUSH")
	redis.call("HSET", KEYS[1], id, 1)
	return 1
end

local out, i = {}, 7
while i <= #ARGV do
	local last = i + 5 + 2 * tonumber(ARGV[i + 5])
	out[#out + 1] = settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], i + 6, last)
	i = last + 1
end
redis.call("EXPIRE", KEYS[1], ARGV[5])
tell(ARGV[3], ARGV[2])
return out
