-- Begins an effect of a running job, unless it has been done.
-- KEYS: 1 task hash, 2 holders (HASH of active id to "process token")
-- ARGV: 1 id, 2 this process, 3 token, 4 field of the effect, 5 field that counts
--       the job's effects, 6 most effects of a job
-- The field of an effect is "b" and the token of the run that began it last, or,
-- once it is done, "d" and its result.
-- Returns what the field was: "" or begun, and the effect is now begun under this
-- token; or done. "s" when the job is not held by this process under this token any
-- more, "f" when it has too many effects.
-- Cost: O(1).
if redis.call("HGET", KEYS[2], ARGV[1]) ~= ARGV[2] .. " " .. ARGV[3] or redis.call("HEXISTS", KEYS[1], "msg") == 0 then
	return "s"
end
local had = redis.call("HGET", KEYS[1], ARGV[4])
if had and string.sub(had, 1, 1) == "d" then
	return had
end
if not had then
	if tonumber(redis.call("HGET", KEYS[1], ARGV[5]) or 0) >= tonumber(ARGV[6]) then
		return "f"
	end
	redis.call("HINCRBY", KEYS[1], ARGV[5], 1)
end
redis.call("HSET", KEYS[1], ARGV[4], "b" .. ARGV[3])
return had or ""
