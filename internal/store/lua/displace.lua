-- displace takes a job out of the list or set of its state, and returns how often it
-- stood there. side "-1" looks from the list's end, which is the oldest job's; else it is
-- looked for from the other one. Cost: O(place in the list) out of pending, else O(log set).
local function displace(key, state, id, side)
	if state == "pending" then
		return redis.call("LREM", key, side or 1, id)
	end
	return redis.call("ZREM", key, id)
end
