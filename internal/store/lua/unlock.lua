-- unlock releases the unique lock of a job, the key of asynq's or nothing, if it is in
-- the queue's slot and the job still holds it. Cost: O(1).
local function unlock(prefix, lock, id)
	if lock and string.sub(lock, 1, #prefix) == prefix and redis.pcall("GET", lock) == id then
		redis.call("DEL", lock)
	end
end

