package comparison

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// watch counts the commands that Redis runs within the span: those that clients
// send, and all with those that scripts run inside. It costs Redis something for
// each, so it is fit for idle systems only.
func (p *probe) watch(ctx context.Context, span time.Duration) (sent, all int, err error) {
	lines := make(chan string, 1000)
	spy := redis.NewClient(p.redis.Options())
	defer spy.Close()
	monitor := spy.Monitor(ctx, lines)
	monitor.Start()
	defer monitor.Stop()
	over := time.NewTimer(span)
	defer over.Stop()
	answered := false
	for {
		select {
		case line := <-lines:
			switch {
			case line == "OK":
				answered = true
			case strings.Contains(line, " lua] "):
				all++
			default:
				sent, all = sent+1, all+1
			}
		case <-over.C:
			if !answered {
				return 0, 0, fmt.Errorf("redis did not let its commands be watched for %s", span)
			}
			return sent, all, nil
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		}
	}
}
