package engine

import "github.com/redis/go-redis/v9"

// Tidy is the client that mends asynq's heartbeats and recoverers.
func Tidy(c redis.UniversalClient) redis.UniversalClient { return tidy{c} }
