-- Stores jobs of one queue: at once, or to start later. Tells waiting workers
-- when the queue was empty, and when the earliest start time has changed.
-- KEYS[1] pending list; KEYS[2] scheduled set; KEYS[3..] one task hash per job
-- ARGV[1] now, Unix ns; ARGV[2] queue; ARGV[3] wake channel; then for each job:
-- id, message, due (Unix s with a fraction, "0" = at once)
-- Returns one number per job: 1 stored; 2 the same message is already stored (an
-- earlier try of this very call went through); 0 the id belongs to another job.
-- Cost: O(jobs), plus O(log scheduled) for each delayed one.
-- A key of the wrong type stops the script here, before it has stored anything.
redis.call("ZCARD", KEYS[2])
local out = {}
local arg = 4
local empty = redis.call("LLEN", KEYS[1]) == 0
local pushed, earliest = false, nil
for i = 3, #KEYS do
	local id, msg, due = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
	arg = arg + 3
	local stored = redis.pcall("HGET", KEYS[i], "msg")
	if stored then -- or the key is of another type
		out[i - 2] = (stored == msg) and 2 or 0
	elseif due == "0" then
		redis.call("HSET", KEYS[i], "msg", msg, "state", "pending", "pending_since", ARGV[1])
		redis.call("LPUSH", KEYS[1], id)
		pushed = true
		out[i - 2] = 1
	else
		redis.call("HSET", KEYS[i], "msg", msg, "state", "scheduled")
		redis.call("ZADD", KEYS[2], due, id)
		if not earliest or tonumber(due) < earliest then
			earliest = tonumber(due)
		end
		out[i - 2] = 1
	end
end
if pushed and empty then
	redis.call("PUBLISH", ARGV[3], "w" .. ARGV[2])
end
if earliest then
	local first = redis.call("ZRANGE", KEYS[2], 0, 0, "WITHSCORES")
	if tonumber(first[2]) >= earliest then
		redis.call("PUBLISH", ARGV[3], "d" .. ARGV[2])
	end
end
return out
