-- Reads entries of a list of jobs from a place on, all in one moment: behind the first of
-- some ids that is found; else where as many entries are left as once were behind them.
-- KEYS: 1 list
-- ARGV: 1 most entries to read, 2 what the keys of its jobs begin with, 3 most entries to
--       look for ids through from each end; or with a place also: 4 entries that were
--       behind the first id, 5.. ids, those next to the place first
-- Returns the length of the list, the index of the first entry read, 1 if the place was
-- found by an id or 0, then of each entry its id and since when it is pending (Unix ns):
-- "" when the job does not say, "gone" when there is no job.
-- Cost: O(entries + what is looked through).
local size = redis.pcall("LLEN", KEYS[1])
if type(size) == "table" then
	return size
end
local place, found, reach = 0, 0, tonumber(ARGV[3])
if ARGV[4] then
	place = math.max(0, size - ARGV[4])
	if place > 0 and redis.call("LINDEX", KEYS[1], place - 1) == ARGV[5] then
		found, reach = 1, 0 -- nothing has come or gone behind it
	end
	for i = 5, reach > 0 and #ARGV or 0 do
		local at = redis.call("LPOS", KEYS[1], ARGV[i], "MAXLEN", reach)
		if not at and size > reach then
			at = redis.call("LPOS", KEYS[1], ARGV[i], "RANK", -1, "MAXLEN", reach)
		end
		if at then
			place, found = at + 1, 1
			break
		end
		reach = reach - size
		if reach <= 0 then
			break
		end
	end
end
local out = {size, place, found}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], place, place + ARGV[1] - 1)) do
	local key = ARGV[2] .. id
	local since = redis.pcall("HGET", key, "pending_since")
	if type(since) ~= "string" then
		since = ""
		if redis.call("EXISTS", key) == 0 then
			since = "gone"
		end
	end
	out[#out + 1], out[#out + 2] = id, since
end
return out
