-- Notes when failures of groups were last seen.
-- KEYS: 1 sorted set of fingerprints by the time of the last failure (Unix ms)
-- ARGV: for each group: time, fingerprint
-- Returns the number of groups. Cost: O(groups given * log groups).
redis.call("ZREM", KEYS[1], "") -- the first write removes: a full Redis lets the script go on (vital.go)
for i = 1, #ARGV, 2 do
	local seen = redis.call("ZSCORE", KEYS[1], ARGV[i + 1])
	if not seen or tonumber(seen) < tonumber(ARGV[i]) then
		redis.call("ZADD", KEYS[1], ARGV[i], ARGV[i + 1])
	end
end
return redis.call("ZCARD", KEYS[1])
