package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"
)

// The keys of asynq's sets of servers and of their workers.
const (
	keyServers = "asynq:servers"
	keyWorkers = "asynq:workers"
)

// Field numbers of asynq's ServerInfo and WorkerInfo (internal/proto/asynq.proto).
const (
	serverID          = 3 // in both
	serverConcurrency = 4
	serverQueues      = 5
	serverActive      = 9
	workerPayload     = 6
)

// beats makes one of the heartbeats of a process's asynq servers, for asynq's tools
// to show, whatever the number of its pools. Payloads do not travel with it: asynq
// sends those of all running jobs every five seconds.
type beats struct {
	mu   sync.Mutex
	jobs map[*seam][]any // guarded by mu; id and encoded WorkerInfo of each job, by pool
}

// leads reports whether the pool is the one whose heartbeat is sent.
func (w *Worker) leads(s *seam) bool { return w.leader.Load() == s }

// beat takes a pool's heartbeat. It returns the arguments to send for all pools, or
// nil when another pool's heartbeat will bring this one's jobs along.
func (w *Worker) beat(s *seam, args []any) []any {
	b := &w.beats
	b.mu.Lock()
	defer b.mu.Unlock()
	own := make([]any, 0, len(args)-2)
	for i := 2; i+1 < len(args); i += 2 {
		info, _ := args[i+1].([]byte)
		own = append(own, args[i], without(info, workerPayload))
	}
	b.jobs[s] = own
	if !w.leads(s) {
		return nil
	}
	out := append([]any{}, args[0], nil)
	queues := map[string]bool{}
	for _, q := range s.queues {
		queues[q] = true
	}
	info, _ := args[1].([]byte)
	id := text(info, serverID)
	for other, jobs := range b.jobs {
		for i := 0; i < len(jobs); i += 2 {
			out = append(out, jobs[i], appendText(jobs[i+1].([]byte), serverID, id))
		}
		for _, q := range other.queues {
			if !queues[q] {
				queues[q] = true
				info = appendQueue(info, q, other.weights[q])
			}
		}
	}
	info = protowire.AppendVarint(protowire.AppendTag(info, serverConcurrency, protowire.VarintType), uint64(w.slots.Load()))
	out[1] = protowire.AppendVarint(protowire.AppendTag(info, serverActive, protowire.VarintType), uint64(len(out)/2-1))
	return out
}

// forget drops a pool that has ended.
func (b *beats) forget(s *seam) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.jobs, s)
}

// ZAdd is how asynq registers a server and its workers.
func (s *seam) ZAdd(ctx context.Context, key string, members ...redis.Z) *redis.IntCmd {
	if (key == keyServers || key == keyWorkers) && !s.worker.leads(s) {
		return redis.NewIntCmd(ctx)
	}
	return s.UniversalClient.ZAdd(ctx, key, members...)
}

// appendQueue adds an entry to the map of an encoded ServerInfo's queues. A later
// scalar field, and a further map entry, count beside or instead of earlier ones.
func appendQueue(info []byte, queue string, weight int) []byte {
	var entry []byte
	entry = appendText(entry, 1, queue)
	entry = protowire.AppendVarint(protowire.AppendTag(entry, 2, protowire.VarintType), uint64(weight))
	return protowire.AppendBytes(protowire.AppendTag(info, serverQueues, protowire.BytesType), entry)
}

func appendText(message []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(slices.Clip(message), field, protowire.BytesType), value)
}

// text returns the last value of a text field of an encoded message, or "".
func text(message []byte, field protowire.Number) string {
	value := ""
	for rest := message; len(rest) > 0; {
		number, kind, n := protowire.ConsumeField(rest)
		if n < 0 {
			return value
		}
		if number == field && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(rest)
			v, _ := protowire.ConsumeString(rest[tag:])
			value = v
		}
		rest = rest[n:]
	}
	return value
}

// without returns the encoded message without a field. What cannot be read is
// returned as it is.
func without(message []byte, field protowire.Number) []byte {
	out := make([]byte, 0, len(message))
	for rest := message; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return message
		}
		if number != field {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}
