package httpapi

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// outageEvery bounds how often the log says that Redis is away.
const outageEvery = 5 * time.Second

// outage thins out the log lines of an outage: under load there would be one
// per request.
type outage struct {
	mu     sync.Mutex
	logged time.Time // guarded by mu
	hushed int       // guarded by mu; requests since then
}

func (o *outage) log(ctx context.Context, log *slog.Logger, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.logged) >= outageEvery {
		log.WarnContext(ctx, "redis unavailable, answering 503", "error", err, "requests", o.hushed+1)
		o.logged, o.hushed = now, 0
		return
	}
	o.hushed++
}
