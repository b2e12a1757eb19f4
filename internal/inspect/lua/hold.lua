-- Makes this process the one that runs an action, or keeps it so.
-- KEYS: 1 order of the action, 2 lease, 3 plan
-- ARGV: 1 this process, 2 how long the lease lasts (ms), 3 how long the order is kept (s)
-- Returns 0 when another process runs the action or the order is gone, 2 when somebody
-- wants it to end, else 1. Cost: O(1).
local holder = redis.call("GET", KEYS[2])
if holder and holder ~= ARGV[1] or redis.call("EXISTS", KEYS[1]) == 0 then
	return 0
end
redis.call("DEL", KEYS[2]) -- the first write removes: a full Redis lets the script go on
redis.call("SET", KEYS[2], ARGV[1], "PX", ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[3])
redis.call("EXPIRE", KEYS[3], ARGV[3])
return redis.call("HEXISTS", KEYS[1], "abort") == 1 and 2 or 1
