-- Ends the move of jobs to another queue, on the side that they leave: removes those
-- that have arrived there, and puts the others back where they were.
-- Uses index.lua.
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
local prefix, done, failed, ready, later = ARGV[1], 0, 0, false, false
for i = 5, #ARGV, 8 do
	local id, key = ARGV[i], prefix .. "t:" .. ARGV[i]
	if redis.call("HGET", KEYS[3], id) == ARGV[i + 1] then
		redis.call("HDEL", KEYS[3], id)
		if ARGV[i + 2] == "1" then
			local lock = redis.call("HGET", key, "unique_key")
			if lock and string.sub(lock, 1, #prefix) == prefix and redis.pcall("GET", lock) == id then
				redis.call("DEL", lock)
			end
			redis.call("DEL", key)
			done = done + 1
		else
			local state, score = ARGV[i + 4], ARGV[i + 5]
			redis.call("HSET", key, "lw_action", string.match(ARGV[i + 1], "^%S+"))
			if state == "pending" then
				redis.call("RPUSH", KEYS[2], id)
				ready = true
			else
				redis.call("ZADD", prefix .. state, score, id)
				later = later or state ~= "archived"
				if state ~= "scheduled" then
					index(prefix, id, key, state, score, ARGV[i + 3], ARGV[i + 6])
				end
			end
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
if ready then
	redis.call("PUBLISH", ARGV[3], "w" .. ARGV[2])
end
if later then
	redis.call("PUBLISH", ARGV[3], "d" .. ARGV[2])
end
return done + failed
