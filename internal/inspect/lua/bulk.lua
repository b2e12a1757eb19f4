-- Does something to jobs of one queue that are still as the caller has read them, and
-- notes how far the action has come with it.
-- Uses displace.lua.
-- Uses index.lua.
-- Uses place.lua.
-- Uses unlock.lua.
-- KEYS: 1 progress of the action in this queue, 2 pending list, 3 jobs on their way to
--       another queue, 4 token counter
-- ARGV: 1 what the queue's keys begin with, 2 queue, 3 now (Unix s), 4 now (Unix ns),
--       5 wake channel, 6 cancel channel, 7 action, 8 steps it has made in this queue,
--       9 place after this one, 10 how long its progress is kept (s), 11 "1" to put
--       pending jobs first in line; 12 number of fields to count up, then field and
--       number of each; number of fields to set, then field and value of each; then for
--       each job: id, state, what to do, message as read, new message, score, type, and
--       for a pending one "1" or "-1": the end of the list it is nearer to
-- What to do is the new state, or "delete", "signal" (tell the worker that runs it to
-- cancel), or "move" (take it out for another queue; the new message is then where to).
-- Returns the token counter, then one number per job: 1 done, 2 this action has done it
-- before, 0 the job has changed in between. Returns -1 alone when the action has not made
-- that many steps here: another process goes on with it, or an earlier try of this call
-- has arrived.
-- Cost: O(log set) per job; O(place in the list) out of pending.
local progress, prefix, act = KEYS[1], ARGV[1], ARGV[7]
if (redis.call("HGET", progress, "steps") or "0") ~= ARGV[8] then
	return {-1}
end
-- A key of the wrong type stops the script here, before it has moved anything.
redis.call("LLEN", KEYS[2])
redis.call("HLEN", KEYS[3])
for _, set in ipairs({"scheduled", "retry", "archived", "completed"}) do
	redis.call("ZCARD", prefix .. set)
end
redis.call("HDEL", progress, "") -- the first write removes: a full Redis lets the script go on
local counts, i = {}, 13
local function count(name, n)
	counts[name] = (counts[name] or 0) + n
end
for _ = 1, tonumber(ARGV[12]) do
	count(ARGV[i], tonumber(ARGV[i + 1]))
	i = i + 2
end
local notes = i + 1
i = notes + 2 * tonumber(ARGV[i])
local first = i

-- put places a job that has been taken out.
local function put(id, key, to, msg, score, kind, fingerprint)
	redis.call("HDEL", key, "pending_since", "result", "lw_discarded", "lw_finished", "lw_cancel", "lw_unstarted")
	redis.call("HSET", key, "msg", msg, "state", to, "lw_action", act)
	if to == "pending" then
		redis.call("HSET", key, "pending_since", ARGV[4])
	end
	place(prefix, id, to, score, kind, fingerprint, ARGV[11] == "1" and "RPUSH" or "LPUSH")
	if to == "archived" then
		redis.call("HSET", key, "lw_unstarted", "1")
	end
end

local function step(id, from, to, old, msg, score, kind, side)
	local key = prefix .. "t:" .. id
	local job = redis.pcall("HMGET", key, "state", "msg", "unique_key", "lw_action", "lw_as")
	if job.err then
		return 0
	end
	if job[4] == act then
		return 2
	end
	local ghost = not job[1] and to == "delete"
	if not ghost and (job[1] ~= from or to ~= "delete" and job[2] ~= old) then
		return 0
	end
	if job[5] and to ~= "delete" and to ~= "move" then
		return 0 -- somebody has just retried an edited copy of it
	end
	if to == "signal" then
		redis.call("HDEL", key, "lw_cancel")
		redis.call("HSET", key, "lw_cancel", "1", "lw_action", act)
		redis.call("PUBLISH", ARGV[6], id)
		return 1
	end
	local stood = from ~= "pending" and redis.call("ZSCORE", prefix .. from, id)
	if displace(prefix .. from, from, id, side) == 0 then
		return 0
	end
	local fingerprint = unindex(prefix, id, key)
	if to == "delete" then
		unlock(prefix, job[3], id)
		redis.call("DEL", key)
	elseif to == "move" then
		redis.call("HSET", KEYS[3], id, act .. " " .. msg .. " " .. from .. " " .. (stood or "0") .. " " .. fingerprint)
	else
		if to == "archived" then
			unlock(prefix, job[3], id)
		end
		put(id, key, to, msg, score, kind, fingerprint)
	end
	return 1
end

local out = {tonumber(redis.call("GET", KEYS[4]) or "0") or 0}
-- Jobs that go to the front are put there from the last on, so that they run in order.
local from, to, by = first, #ARGV - 7, 8
if ARGV[11] == "1" then
	from, to, by = to, from, -8
end
for k = from, to, by do
	local code = step(unpack(ARGV, k, k + 7))
	out[(k - first) / 8 + 2] = code
	if code == 0 then
		count("skipped:changed", 1)
	elseif code == 1 and ARGV[k + 2] ~= "move" then
		count("done", 1)
	end
end
tell(ARGV[5], ARGV[2])
for name, n in pairs(counts) do
	redis.call("HINCRBY", progress, name, n)
end
for k = notes, first - 2, 2 do
	redis.call("HSET", progress, ARGV[k], ARGV[k + 1])
end
redis.call("HSET", progress, "steps", tonumber(ARGV[8]) + 1, "place", ARGV[9])
redis.call("EXPIRE", progress, ARGV[10])
return out
