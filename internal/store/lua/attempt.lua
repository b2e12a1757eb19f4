-- note puts the record of a failed attempt, encoded, into the job's hash: the last 50
-- are kept. "" stands for none. The hash is there. Cost: O(1).
local function note(key, record)
	if record == "" then
		return
	end
	local n = redis.pcall("HINCRBY", key, "lw_fails", 1)
	if type(n) == "number" then
		redis.pcall("HSET", key, "lw_fail:" .. (n % 50), record)
	end
end
