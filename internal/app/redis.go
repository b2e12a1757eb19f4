package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"legwork/configs"
	"legwork/internal/store"
)

// OpenRedis prepares the connection to Redis; it does not connect yet. The caller
// closes it.
func OpenRedis(c configs.Redis) (redis.UniversalClient, error) {
	if c.URL == configs.RedisEmbedded {
		return nil, errors.New(`redis.url is "embedded", which only legwork dev offers; give the URL of a Redis server`)
	}
	password := c.Password
	if c.PasswordFile != "" {
		raw, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read redis.password_file: %w", err)
		}
		password = strings.TrimRight(string(raw), "\r\n")
	}
	return store.Open(store.Options{
		URL: c.URL, Username: c.Username, Password: password,
		TLS: store.TLSFiles{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
			ServerName: c.TLS.ServerName, InsecureSkipVerify: c.TLS.InsecureSkipVerify,
		},
		PoolSize: c.PoolSize, DialTimeout: c.DialTimeout, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout,
		ClientName: "legwork",
	})
}
