-- Counts failures of one group, once: a call that is repeated because its answer was
-- lost changes nothing.
-- KEYS: 1 hash of the group
-- ARGV: 1 this process, 2 number of the call, which grows with every call of the
--       process and is near its time (Unix ms), 3 time of the first failure, 4 of the
--       last (Unix ms), 5 type, 6 kind, 7 normalised message, 8 last message, 9 frame,
--       10 job and 11 shard of the last failure, 12 failures, 13 number of hours;
--       for each hour: its number (Unix s / 3600), failures; for each queue: its name,
--       failures
-- Returns 1, or 0 when it had been counted.
-- Cost: O(hours + queues); once an hour O(fields), some hundred.
local key = KEYS[1]
local mark = redis.call("HGET", key, "p:" .. ARGV[1])
if mark and (tonumber(mark) or 0) >= tonumber(ARGV[2]) then
	return 0
end
redis.call("HDEL", key, "") -- the first write removes: a full Redis lets the script go on (vital.go)

local function number(field)
	return tonumber(redis.call("HGET", key, field) or "")
end

-- add counts; a field that holds no number starts again.
local function add(field, n)
	if type(redis.pcall("HINCRBY", key, field, n)) == "table" then
		redis.call("HSET", key, field, n)
	end
end

local first, last = tonumber(ARGV[3]), tonumber(ARGV[4])
local hour = math.floor(last / 3600000)
if redis.call("HEXISTS", key, "h:" .. hour) == 0 then
	local all = redis.call("HGETALL", key)
	for i = 1, #all, 2 do
		local what, name = string.match(all[i], "^([hp]):(.*)$")
		if what == "h" and (tonumber(name) or 0) <= hour - 168 or what == "p" and (tonumber(all[i + 1]) or 0) < last - 86400000 then
			redis.call("HDEL", key, all[i])
		end
	end
end
redis.call("HSET", key, "p:" .. ARGV[1], ARGV[2], "type", ARGV[5], "kind", ARGV[6], "title", ARGV[7], "frame", ARGV[9])
if first < (number("first") or math.huge) then
	redis.call("HSET", key, "first", ARGV[3])
end
if last >= (number("last") or 0) then
	redis.call("HSET", key, "last", ARGV[4], "error", ARGV[8], "job", ARGV[10], "queue", ARGV[11])
end
if redis.call("HGET", key, "state") == "resolved" and last > (number("since") or 0) then
	redis.call("HSET", key, "state", "regressed", "since", ARGV[4])
end
add("count", ARGV[12])
local arg = 14
for _ = 1, tonumber(ARGV[13]) do
	if tonumber(ARGV[arg]) > hour - 168 then
		add("h:" .. ARGV[arg], ARGV[arg + 1])
	end
	arg = arg + 2
end
for i = arg, #ARGV, 2 do
	if redis.call("HEXISTS", key, "q:" .. ARGV[i]) == 1 or redis.call("HLEN", key) < 2000 then
		add("q:" .. ARGV[i], ARGV[i + 1])
	end
end
return 1
