-- Notes what a person has said of a failure group.
-- KEYS: 1 hash of the group
-- ARGV: 1 state ("resolved", "ignored", or "" for open), 2 now, 3 end of being
--       ignored (Unix ms)
-- Returns 1, or 0 when there is no such group. What is resolved stays resolved since
-- when it was. Cost: O(1).
-- Its first write removes, so that a full Redis lets it run.
if redis.call("HEXISTS", KEYS[1], "type") == 0 then
	return 0
end
if ARGV[1] == "resolved" and redis.call("HGET", KEYS[1], "state") == "resolved" then
	return 1
end
redis.call("HDEL", KEYS[1], "state", "since", "until", "settled")
if ARGV[1] ~= "" then
	redis.call("HSET", KEYS[1], "state", ARGV[1], "since", ARGV[2])
end
if ARGV[1] == "ignored" then
	redis.call("HSET", KEYS[1], "until", ARGV[3])
elseif ARGV[1] == "resolved" then
	redis.call("HSET", KEYS[1], "settled", redis.call("HGET", KEYS[1], "count") or "0")
end
return 1
