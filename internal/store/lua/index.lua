-- Indexes of dead letters and of jobs that wait for a retry, by type and by
-- fingerprint: sorted sets with the ids and scores of the archived and the retry
-- set. A job's hash says in lw_index under what it stands: "<state> <fingerprint>
-- <type>". lw_indexes names the indexes that are not empty: "<state>:t:<type>" and
-- "<state>:f:<fingerprint>". Both functions write only what the caller's script
-- would not miss: a key of another type never stops them. Cost: O(log set).

-- unindex takes a job out, and returns its fingerprint, or "". prefix is what every
-- key of the queue begins with, key the job's hash.
local function unindex(prefix, id, key)
	local as = redis.pcall("HGET", key, "lw_index")
	if type(as) ~= "string" then
		return ""
	end
	redis.call("HDEL", key, "lw_index")
	local state, fingerprint, kind = string.match(as, "^(%S*) (%S*) (.*)$")
	if not state then
		return ""
	end
	for _, name in ipairs({state .. ":t:" .. kind, state .. ":f:" .. fingerprint}) do
		redis.pcall("ZREM", prefix .. "lw_by:" .. name, id)
		if redis.pcall("EXISTS", prefix .. "lw_by:" .. name) == 0 then
			redis.pcall("SREM", prefix .. "lw_indexes", name)
		end
	end
	return fingerprint
end

-- index puts a job in, and out of where it stood before. A fingerprint of "" means
-- that there is none. A job without a hash stays without one.
local function index(prefix, id, key, state, score, kind, fingerprint)
	unindex(prefix, id, key)
	if redis.call("EXISTS", key) == 1 then
		redis.pcall("HSET", key, "lw_index", state .. " " .. fingerprint .. " " .. kind)
	end
	local names = {state .. ":t:" .. kind}
	if fingerprint ~= "" then
		names[2] = state .. ":f:" .. fingerprint
	end
	for _, name in ipairs(names) do
		redis.pcall("ZADD", prefix .. "lw_by:" .. name, score, id)
		redis.pcall("SADD", prefix .. "lw_indexes", name)
	end
end
