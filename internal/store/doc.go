// Package store is the ground Legwork stands on: connections to Redis, whether
// an error means that Redis cannot serve now, and the shapes of the keys and
// messages that asynq keeps there.
//
// A connection is opened from a URL:
//
//	redis://user:password@host:6379/0
//	rediss://user:password@host:6379/0                        TLS
//	unix:///run/redis/redis.sock?db=0
//	redis-sentinel://user:password@s1:26379,s2:26379/mymaster?db=0&tls=true
//	redis-cluster://user:password@n1:6379,n2:6379?tls=true
//
// User and password are optional and percent-encoded where they hold a
// character that means something in a URL. Ports may be left out: 6379, and
// 26379 for a Sentinel. A Sentinel URL names the data servers' user and
// password before the @; those of the Sentinels themselves, if they have any,
// are the parameters sentinel_username and sentinel_password.
package store
