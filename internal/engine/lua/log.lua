-- Adds to the logs of running jobs of one queue, and notes their progress.
-- KEYS: 1 holders (HASH of active id to "process token")
-- ARGV: 1 this process, 2 task key prefix, 3 prefix of the channels to wake readers
--       on, 4 most runs of a job whose logs are kept; then for each job: id, token,
--       began (Unix us), attempt, lines and dropped lines so far, progress or "",
--       number of pieces; for each piece: chunk number, offset, text
-- began tells two runs of a job apart whose tokens are the same, as it has changed
-- queues in between. A piece that is in already, whole or its beginning, is not added
-- twice: an earlier try has arrived.
-- The field lw_logs has a line per run, the oldest first: "number token began attempt
-- chunks lines dropped"; lw_log:<number>:<chunk> has its lines.
-- Returns one number per job: 1 written, 0 the job is not this process's any more, or
-- not under this token.
-- Cost: O(bytes), and O(runs) per job.
local function numbers(line)
	local n = {}
	for word in string.gmatch(line, "%S+") do
		n[#n + 1] = word
	end
	return n
end

-- forget removes the lines of a run.
local function forget(key, run)
	for chunk = 0, math.min(tonumber(run[5]) or 0, 1024) - 1 do
		redis.call("HDEL", key, "lw_log:" .. run[1] .. ":" .. chunk)
	end
end

-- open returns the job's runs, of which the last one is this.
local function open(key, token, began, attempt)
	local runs = {}
	for line in string.gmatch(redis.call("HGET", key, "lw_logs") or "", "[^\n]+") do
		runs[#runs + 1] = numbers(line)
	end
	local last = runs[#runs]
	if not last or last[2] ~= token or last[3] ~= began then
		local number = last and string.format("%d", tonumber(last[1]) + 1) or "1"
		runs[#runs + 1] = {number, token, began, attempt, "0", "0", "0"}
	end
	while #runs > tonumber(ARGV[4]) do
		forget(key, table.remove(runs, 1))
	end
	return runs
end

-- grow adds a piece to a chunk, as far as it is not in.
local function grow(key, field, offset, text)
	local skip = redis.call("HSTRLEN", key, field) - offset
	if skip < 0 or skip >= #text then
		return
	end
	local had = offset + skip > 0 and redis.call("HGET", key, field) or ""
	redis.call("HSET", key, field, had .. string.sub(text, skip + 1))
end

local out, arg = {}, 5
while arg <= #ARGV do
	local id, token, began, attempt = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
	local lines, dropped, progress, pieces = ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6], tonumber(ARGV[arg + 7])
	local key = ARGV[2] .. id
	arg = arg + 8
	local mine = redis.call("HGET", KEYS[1], id) == ARGV[1] .. " " .. token and redis.pcall("HEXISTS", key, "msg") == 1
	out[#out + 1] = mine and 1 or 0
	if mine then
		redis.call("HDEL", key, "") -- the first write removes: a full Redis lets the script go on (vital.go)
	end
	if mine and (pieces > 0 or dropped ~= "0") then
		local runs = open(key, token, began, attempt)
		local run = runs[#runs]
		for p = arg, arg + 3 * pieces - 1, 3 do
			grow(key, "lw_log:" .. run[1] .. ":" .. ARGV[p], tonumber(ARGV[p + 1]), ARGV[p + 2])
			run[5] = string.format("%d", math.max(tonumber(run[5]), tonumber(ARGV[p]) + 1))
		end
		run[6] = string.format("%d", math.max(tonumber(run[6]), tonumber(lines)))
		run[7] = string.format("%d", math.max(tonumber(run[7]), tonumber(dropped)))
		for i, r in ipairs(runs) do
			runs[i] = table.concat(r, " ")
		end
		redis.call("HSET", key, "lw_logs", table.concat(runs, "\n"))
	end
	if mine and progress ~= "" then
		redis.call("HSET", key, "lw_progress", progress)
	end
	if mine then
		redis.call("PUBLISH", ARGV[3] .. ":" .. id, "")
	end
	arg = arg + 3 * pieces
end
return out
