-- Deletes completed jobs whose retention has passed.
-- KEYS: 1 completed set
-- ARGV: 1 now (Unix s), 2 task key prefix, 3 most jobs to delete
-- Returns the number of jobs deleted. Cost: O(deleted * log set).
local ids = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[3])
for _, id in ipairs(ids) do
	redis.call("DEL", ARGV[2] .. id)
	redis.call("ZREM", KEYS[1], id)
end
return #ids
