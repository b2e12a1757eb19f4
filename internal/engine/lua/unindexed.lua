-- Finds jobs of one queue that stand in a state and not in its index by type, or there
-- with another score. Writes nothing.
-- KEYS: 1 the state's sorted set
-- ARGV: 1 what the queue's keys begin with, 2 state; then ids
-- Returns the ids to be indexed, in order. A job's key of another type counts as none.
-- Cost: O(log set) per id.
local out = {}
for i = 3, #ARGV do
	local id = ARGV[i]
	local score = redis.call("ZSCORE", KEYS[1], id)
	if score then
		local as = redis.pcall("HGET", ARGV[1] .. "t:" .. id, "lw_index")
		local state, kind
		if type(as) == "string" then
			state, kind = string.match(as, "^(%S*) %S* (.*)$")
		end
		if state ~= ARGV[2] or redis.pcall("ZSCORE", ARGV[1] .. "lw_by:" .. state .. ":t:" .. kind, id) ~= score then
			out[#out + 1] = id
		end
	end
end
return out
