package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogTo sends the lines that go-redis prints about its connections to log, at
// debug level: Legwork says itself when Redis is away. It sets a global of
// go-redis, so only a program's command line calls it, once.
func LogTo(log *slog.Logger) { redis.SetLogger(lines{log}) }

type lines struct{ log *slog.Logger }

func (l lines) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "go-redis: "+fmt.Sprintf(format, args...))
}
