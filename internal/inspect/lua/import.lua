-- Stores dead letters in one queue, with what else is kept of them.
-- Uses index.lua.
-- KEYS: 1 archived set; then one task hash per letter
-- ARGV: 1 what the queue's keys begin with; then for each letter: id, message, score
--       (Unix s of its death), type, fingerprint or "", number of further fields of
--       the hash, and their names and values
-- Returns one number per letter: 1 stored, also by an earlier try whose answer was
-- lost, 0 the id belongs to another job.
-- Cost: O(letters * (fields + log archived)).
-- A key of the wrong type stops the script here, before it has stored anything. Its
-- first write needs memory on purpose: a full Redis is to refuse it.
redis.call("ZCARD", KEYS[1])
local out = {}
local arg = 2
for n = 2, #KEYS do
	local key, id, msg, score = KEYS[n], ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
	local kind, fingerprint, fields = ARGV[arg + 3], ARGV[arg + 4], tonumber(ARGV[arg + 5])
	arg = arg + 6
	if redis.call("EXISTS", key) == 0 then
		redis.call("HSET", key, "msg", msg, "state", "archived")
		for i = arg, arg + 2 * fields - 1, 2 do
			redis.call("HSET", key, ARGV[i], ARGV[i + 1])
		end
		redis.call("ZADD", KEYS[1], score, id)
		index(ARGV[1], id, key, "archived", score, kind, fingerprint)
		out[n - 1] = 1
	else
		local had = redis.pcall("HMGET", key, "msg", "state")
		out[n - 1] = (had[1] == msg and had[2] == "archived") and 1 or 0
	end
	arg = arg + 2 * fields
end
return out
