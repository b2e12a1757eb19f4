-- Stores jobs of one queue: at once, or to start later.
-- KEYS[1] pending list; KEYS[2] scheduled set; KEYS[3..] one task hash per job
-- ARGV[1] now, Unix ns; then for each job: id, message, due (Unix s, "0" = at once)
-- Returns one number per job: 1 stored; 2 the same message is already stored (an
-- earlier try of this very call went through); 0 the id belongs to another job.
-- Cost: O(jobs), plus O(log scheduled) for each delayed one.
local out = {}
local arg = 2
for i = 3, #KEYS do
	local id, msg, due = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
	arg = arg + 3
	local stored = redis.call("HGET", KEYS[i], "msg")
	if stored then
		out[i - 2] = (stored == msg) and 2 or 0
	elseif due == "0" then
		redis.call("HSET", KEYS[i], "msg", msg, "state", "pending", "pending_since", ARGV[1])
		redis.call("LPUSH", KEYS[1], id)
		out[i - 2] = 1
	else
		redis.call("HSET", KEYS[i], "msg", msg, "state", "scheduled")
		redis.call("ZADD", KEYS[2], due, id)
		out[i - 2] = 1
	end
end
return out
