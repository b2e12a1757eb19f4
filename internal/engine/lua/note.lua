-- Notes that an effect has been done, with its result.
-- KEYS: 1 task hash
-- ARGV: 1 field of the effect, 2 "b" and the token of the run that did it, 3 "d"
--       and the result
-- Returns 1, also when an earlier try has arrived; 0 when a later run has begun the
-- effect, too, or the job is gone.
-- Cost: O(1).
local had = redis.call("HGET", KEYS[1], ARGV[1])
if had == ARGV[3] then
	return 1
end
if had ~= ARGV[2] then
	return 0
end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1
