-- Deletes a job that is not running, if it is still in the given state.
-- KEYS: 1 task hash, 2 list or set of its state
-- ARGV: 1 id, 2 state, 3 what the queue's keys begin with
-- Uses displace.lua.
-- Uses index.lua.
-- Uses unlock.lua.
-- Returns 1, or 0 when the job has changed in between.
-- Cost: O(queue length) out of pending, else O(log set).
if redis.call("HGET", KEYS[1], "state") ~= ARGV[2] then
	return 0
end
displace(KEYS[2], ARGV[2], ARGV[1])
unindex(ARGV[3], ARGV[1], KEYS[1])
unlock(ARGV[3], redis.call("HGET", KEYS[1], "unique_key"), ARGV[1])
return redis.call("DEL", KEYS[1])
