-- Notes with a running job that its worker has ended the handler's context, because
-- somebody had asked to cancel the job.
-- KEYS: 1 task hash, 2 holders (HASH of active id to "process token")
-- ARGV: 1 id, 2 "process token", 3 process, 4 now (Unix ms)
-- Returns 1, or 0 when the job is not this process's under this token any more, or
-- nobody asks any more. Cost: O(1).
if redis.call("HGET", KEYS[2], ARGV[1]) ~= ARGV[2] then
	return 0
end
local asked = redis.call("HGET", KEYS[1], "lw_cancel")
if not asked then
	return 0
end
redis.call("HDEL", KEYS[1], "lw_cancel") -- the first write removes: a full Redis lets the script go on (vital.go)
redis.call("HSET", KEYS[1], "lw_cancel", string.match(asked, "^%S*") .. " " .. ARGV[3] .. " " .. ARGV[4])
return 1
