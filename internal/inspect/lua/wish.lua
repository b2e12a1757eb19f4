-- Asks a worker process for something.
-- KEYS: 1 the last wish to the process
-- ARGV: 1 what, 2 how long it may be found (s), 3 channel, 4 id of the process
-- Returns the number of the wish: Redis's time in microseconds. Cost: O(1).
-- Its first write needs no memory, so that a full Redis lets it run.
local now = redis.call("TIME")
local number = now[1] .. string.format("%06d", tonumber(now[2]))
redis.call("DEL", KEYS[1])
redis.call("SET", KEYS[1], number .. " " .. ARGV[1], "EX", ARGV[2])
redis.call("PUBLISH", ARGV[3], ARGV[4])
return number
