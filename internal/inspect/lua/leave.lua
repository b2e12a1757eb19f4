-- Ends the move of jobs to another queue, on the side that they leave: removes those
-- that have arrived there, and puts the others back where they were.
-- Uses index.lua.
-- Uses place.lua.
-- Uses unlock.lua.
-- KEYS: 1 progress of the action in this queue, 2 pending list, 3 jobs on their way to
--       another queue
-- ARGV: 1 what the queue's keys begin with, 2 queue, 3 wake channel, 4 how long the
--       progress is kept (s); then for each job: id, its entry among the jobs on their
--       way, "1" when it has arrived, type, state, score, fingerprint, error or ""
-- Returns the number of jobs that were still on their way. Cost: O(log set) per job.
redis.call("LLEN", KEYS[2])
for _, set in ipairs({"scheduled", "retry", "archived"}) do
	redis.call("ZCARD", ARGV[1] .. set)
end
redis.call("HDEL", KEYS[1], "") -- the first write removes: a full Redis lets the script go on
local prefix, done, failed = ARGV[1], 0, 0
for i = 5, #ARGV, 8 do
	local id, key = ARGV[i], prefix .. "t:" .. ARGV[i]
	if redis.call("HGET", KEYS[3], id) == ARGV[i + 1] then
		redis.call("HDEL", KEYS[3], id)
		if ARGV[i + 2] == "1" then
			unlock(prefix, redis.call("HGET", key, "unique_key"), id)
			redis.call("DEL", key)
			done = done + 1
		else
			redis.call("HSET", key, "lw_action", string.match(ARGV[i + 1], "^%S+"))
			place(prefix, id, ARGV[i + 4], ARGV[i + 5], ARGV[i + 3], ARGV[i + 6], "RPUSH")
			failed = failed + 1
			if redis.call("HINCRBY", KEYS[1], "errors", 1) <= 10 then
				redis.call("HSET", KEYS[1], "error:" .. id, ARGV[i + 7])
			end
		end
	end
end
if done > 0 then
	redis.call("HINCRBY", KEYS[1], "done", done)
end
if failed > 0 then
	redis.call("HINCRBY", KEYS[1], "failed", failed)
end
redis.call("EXPIRE", KEYS[1], ARGV[4])
tell(ARGV[3], ARGV[2])
return done + failed
