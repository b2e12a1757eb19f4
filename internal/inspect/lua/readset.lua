-- Reads entries of a sorted set from a place on, all in one moment. The place is told by
-- score and member, for ranks shift whenever something comes or goes ahead of them.
-- KEYS: 1 sorted set
-- ARGV: 1 most entries to read, 2 "1" to read from the highest score down; or with a
--       place also: 3 score, 4 member, 5 "1" to begin with that very member, else behind it
-- Returns member and score of each entry, in the order of reading.
-- Cost: O(entries + log(size)^2).
local function before(a, b) -- byte by byte, as Redis orders members; "<" goes by a locale
	for i = 1, math.min(#a, #b) do
		local x, y = string.byte(a, i), string.byte(b, i)
		if x ~= y then
			return x < y
		end
	end
	return #a < #b
end
local size = redis.pcall("ZCARD", KEYS[1])
if type(size) == "table" then
	return size
end
local range, place, down = "ZRANGE", 0, ARGV[2] == "1"
if down then
	range = "ZREVRANGE"
end
if ARGV[3] then
	local score, id = ARGV[3], ARGV[4]
	if down then
		place = redis.call("ZCOUNT", KEYS[1], "(" .. score, "+inf")
	else
		place = redis.call("ZCOUNT", KEYS[1], "-inf", "(" .. score)
	end
	local high = place + redis.call("ZCOUNT", KEYS[1], score, score)
	while place < high do
		local mid = math.floor((place + high) / 2)
		local member = redis.call(range, KEYS[1], mid, mid)[1]
		local found = ARGV[5] == "1"
		if member ~= id then
			found = before(id, member) ~= down
		end
		if found then
			high = mid
		else
			place = mid + 1
		end
	end
end
return redis.call(range, KEYS[1], place, place + ARGV[1] - 1, "WITHSCORES")
