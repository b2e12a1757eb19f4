-- Adds counts of a process to those of a minute and of its hour, once, however
-- often it is sent.
-- KEYS: 1 minute (HASH of series to counts), 2 hour (likewise), 3 number of the
--       process's last write (STRING)
-- ARGV: 1 number of this write, 2 end of the minute's counts (Unix s), 3 end of the
--       hour's, 4 time to live of the number (s), 5 series in the minute or hour from
--       which on they count as the last argument, 6 and so on: pairs of a series and
--       counts ("e=1 w3=2": see internal/stats); last, the series for what has no room
-- Returns 1, or 0 when this write was here before.
-- Cost: O(series * words of their counts): 16 series take well below a millisecond,
-- mostly.
-- The first write removes, so that counts go on in a full Redis.
redis.call("HDEL", KEYS[1], "")
if tonumber(redis.call("GET", KEYS[3]) or "0") >= tonumber(ARGV[1]) then
	return 0
end
local function add(old, new)
	local sums, names = {}, {}
	for _, text in ipairs({old, new}) do
		for name, n in string.gmatch(text, "(%l%d*)=(%d+)") do
			if not sums[name] then
				sums[name] = 0
				names[#names + 1] = name
			end
			sums[name] = sums[name] + tonumber(n)
		end
	end
	for i, name in ipairs(names) do
		names[i] = name .. "=" .. string.format("%.0f", sums[name])
	end
	return table.concat(names, " ")
end
local most, other = tonumber(ARGV[5]), ARGV[#ARGV]
for k = 1, 2 do
	local room = most - redis.call("HLEN", KEYS[k])
	for i = 6, #ARGV - 1, 2 do
		local field = ARGV[i]
		local old = redis.call("HGET", KEYS[k], field)
		if not old and room <= 0 then
			field = other
			old = redis.call("HGET", KEYS[k], field)
		elseif not old then
			room = room - 1
		end
		redis.call("HSET", KEYS[k], field, old and add(old, ARGV[i + 1]) or ARGV[i + 1])
	end
	redis.call("EXPIREAT", KEYS[k], ARGV[k + 1])
end
redis.call("SET", KEYS[3], ARGV[1], "EX", ARGV[4])
return 1
