package comparison

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// stock is asynq as its README has it: every setting at its default but the
// concurrency, the queues, and the level of its log.
type stock struct {
	conn   asynq.RedisClientOpt
	client *asynq.Client
	server *asynq.Server
}

func openStock(url string) (*stock, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis url: %w", err)
	}
	conn := asynq.RedisClientOpt{
		Network: o.Network, Addr: o.Addr, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
	}
	return &stock{conn: conn, client: asynq.NewClient(conn)}, nil
}

func (s *stock) enqueue(ctx context.Context, at time.Time) error {
	options := []asynq.Option{asynq.Queue(queue)}
	if !at.IsZero() {
		options = append(options, asynq.ProcessAt(at))
	}
	_, err := s.client.EnqueueContext(ctx, asynq.NewTask(jobType, newPayload(at)), options...)
	return err
}

func (s *stock) fill(ctx context.Context, n int, at time.Time) error {
	return enqueueMany(ctx, s, n, at)
}

// enqueueMany hands in n jobs one by one from many goroutines.
func enqueueMany(ctx context.Context, p peer, n int, at time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := p.enqueue(ctx, at); err != nil {
					cancel(fmt.Errorf("enqueue: %w", err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (s *stock) start(_ context.Context, w work) error {
	s.server = asynq.NewServer(s.conn, asynq.Config{
		Concurrency: w.concurrency, Queues: weights(w.queues), LogLevel: asynq.WarnLevel,
	})
	return s.server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		var in payload
		if w.due {
			if err := json.Unmarshal(t.Payload(), &in); err != nil {
				return err
			}
		}
		w.handle(ctx, in.due())
		return nil
	}))
}

func (s *stock) stop(context.Context) error {
	if s.server != nil {
		s.server.Shutdown()
	}
	return nil
}

func (s *stock) close() error { return s.client.Close() }
