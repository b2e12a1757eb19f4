-- Reads entries of a list of jobs from a place on, all in one moment: behind the first of
-- some ids that has not left the list since; else where as many entries are left as once
-- were behind them, and from there back over those that are older than the first id was:
-- what was put at the tail meanwhile makes the place appear later than it is.
-- KEYS: 1 list
-- ARGV: 1 most entries to read, 2 what the keys of its jobs begin with, 3 their state, 4 most
--       entries to look for ids through from each end; or with a place also: 5 entries that
--       were behind the first id, 6 since when that one is pending (Unix ns), or "", then
--       ids, those next to the place first, each with its pending_since or ""
-- Returns the length of the list, the index of the first entry read, 1 if the place was
-- found by an id or 0, then of each entry its id and pending_since: "" when the job does
-- not say, "gone" when there is no job.
-- Cost: O(entries + what is looked through).
local size = redis.pcall("LLEN", KEYS[1])
if type(size) == "table" then
	return size
end
local function since(id)
	local at = redis.pcall("HGET", ARGV[2] .. id, "pending_since")
	return type(at) == "string" and at or ""
end
local function older(index) -- times have 19 digits, more than a number of Lua's
	local at, than = since(redis.call("LINDEX", KEYS[1], index)), ARGV[6]
	return at ~= "" and (#at < #than or #at == #than and at < than)
end
local function stayed(id, at)
	local job = redis.pcall("HMGET", ARGV[2] .. id, "state", "pending_since")
	if job.err or not job[1] then
		return at == "" -- there was no job behind the id
	end
	return job[1] == ARGV[3] and (at == "" or job[2] == at)
end
local place, found, reach = 0, 0, tonumber(ARGV[4])
if ARGV[5] then
	place = math.max(0, size - ARGV[5])
	for i = 7, #ARGV, 2 do
		local id, at = ARGV[i], false
		if not stayed(id, ARGV[i + 1]) then
			at = false
		elseif i == 7 and place > 0 and redis.call("LINDEX", KEYS[1], place - 1) == id then
			at = place - 1 -- nothing has come or gone behind it
		else
			at = redis.call("LPOS", KEYS[1], id, "MAXLEN", reach)
			if not at and size > reach then
				at = redis.call("LPOS", KEYS[1], id, "RANK", -1, "MAXLEN", reach)
			end
			reach = reach - size
		end
		if at then
			place, found = at + 1, 1
		end
		if at or reach <= 0 then
			break
		end
	end
	local step = found == 0 and ARGV[6] ~= "" and 1 or 0
	while step >= 1 do
		if place >= step and place < size + step and older(place - step) then
			place, step = place - step, step * 2
		else
			step = math.floor(step / 2)
		end
	end
end
local out = {size, place, found}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], place, place + ARGV[1] - 1)) do
	local at = since(id)
	if at == "" and redis.call("EXISTS", ARGV[2] .. id) == 0 then
		at = "gone"
	end
	out[#out + 1], out[#out + 2] = id, at
end
return out
