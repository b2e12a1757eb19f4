-- place puts a job that stands nowhere into the list or set of the state that its hash
-- has: scheduled, pending, retry or archived. tell says afterwards which words on the
-- wake channel that calls for. score is that of a set, side "LPUSH" or "RPUSH", which
-- puts a pending job first in line. Needs index.lua. Cost: O(log set).
local placed = {}

local function place(prefix, id, state, score, kind, fingerprint, side)
	if state == "pending" then
		redis.call(side, prefix .. "pending", id)
		placed.ready = true
		return
	end
	redis.call("ZADD", prefix .. state, score, id)
	placed.later = placed.later or state ~= "archived"
	if state ~= "scheduled" then
		index(prefix, id, prefix .. "t:" .. id, state, score, kind, fingerprint)
	end
end

local function tell(channel, queue)
	if placed.ready then
		redis.call("PUBLISH", channel, "w" .. queue)
	end
	if placed.later then
		redis.call("PUBLISH", channel, "d" .. queue)
	end
end

