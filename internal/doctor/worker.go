package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"legwork/internal/store"
)

// keyServers is asynq's ZSET of the keys of its servers' states, by the Unix time
// at which they expire.
const keyServers = "asynq:servers"

// worker is a living process that runs jobs: one of Legwork's, or a program of
// asynq's own.
type worker struct {
	name           string
	queues         []string
	unknownScripts int64
	foreign        bool // asynq's; Legwork's processes are counted by their announcements
}

// announcement is what is read here of what Legwork's workers say of themselves.
type announcement struct {
	Host           string         `json:"host"`
	PID            int            `json:"pid"`
	Queues         map[string]int `json:"queues"`
	UnknownScripts int64          `json:"unknown_scripts"`
}

func readWorkers(ctx context.Context, c redis.UniversalClient, now time.Time) ([]worker, error) {
	ids, err := c.SMembers(ctx, store.KeyWorkers).Result()
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	for i := range ids {
		ids[i] = store.KeyWorkerPrefix + ids[i]
	}
	var all []worker
	err = readEach(ctx, c, ids, func(raw []byte) {
		var a announcement
		if json.Unmarshal(raw, &a) == nil {
			all = append(all, worker{
				name: fmt.Sprintf("%s pid %d", a.Host, a.PID), queues: slices.Sorted(maps.Keys(a.Queues)), unknownScripts: a.UnknownScripts,
			})
		}
	})
	if err != nil {
		return nil, err
	}
	// A set of another type, or none, means that no program of asynq's runs here.
	states, _ := c.ZRangeByScore(ctx, keyServers, &redis.ZRangeBy{Min: strconv.FormatInt(now.Unix(), 10), Max: "+inf"}).Result()
	err = readEach(ctx, c, states, func(raw []byte) {
		all = append(all, worker{name: "asynq", queues: queuesOfServer(raw), foreign: true})
	})
	return all, err
}

// readEach reads strings that may be gone by now.
func readEach(ctx context.Context, c redis.UniversalClient, keys []string, use func([]byte)) error {
	pipe := c.Pipeline()
	var reads []*redis.StringCmd
	for _, key := range keys {
		reads = append(reads, pipe.Get(ctx, key))
	}
	if len(keys) == 0 {
		return nil
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	for _, cmd := range reads {
		raw, err := cmd.Bytes()
		switch {
		case err == nil:
			use(raw)
		case !errors.Is(err, redis.Nil):
			return fmt.Errorf("read what workers say of themselves: %w", err)
		}
	}
	return nil
}

// queuesOfServer reads the names of the queues in asynq's ServerInfo message
// (internal/proto/asynq.proto: field 5, a map from name to weight).
func queuesOfServer(raw []byte) []string {
	var names []string
	fields(raw, func(field protowire.Number, value []byte) {
		if field != 5 {
			return
		}
		fields(value, func(field protowire.Number, value []byte) {
			if field == 1 {
				names = append(names, string(value))
			}
		})
	})
	return names
}

// fields calls use for the fields of a message that have a length, up to the first
// that cannot be read.
func fields(raw []byte, use func(protowire.Number, []byte)) {
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return
		}
		raw = raw[n:]
		if kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(raw)
			if n < 0 {
				return
			}
			use(field, value)
			raw = raw[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(field, kind, raw); n < 0 {
			return
		}
		raw = raw[n:]
	}
}

// served returns the queues that a living worker takes jobs from, sorted.
func (p *patient) served() []string {
	set := map[string]bool{}
	for _, w := range p.workers {
		for _, q := range w.queues {
			set[q] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

const remedyWorker = "Start one that serves them: legwork serve --roles worker --worker-queues NAME:WEIGHT."

func workers(_ context.Context, p *patient) []Finding {
	if p.workersErr != nil {
		return []Finding{unknown(CodeWorkers, p.workersErr)}
	}
	ours := 0
	for _, w := range p.workers {
		if !w.foreign {
			ours++
		}
	}
	served := p.served()
	switch {
	case len(served) == 0:
		return []Finding{warn(CodeWorkers, "none lives", "Jobs wait until there is one: legwork serve --roles worker.")}
	case ours == 0:
		return []Finding{ok(CodeWorkers, "only programs of asynq's own; queues: "+strings.Join(served, ", "))}
	}
	return []Finding{ok(CodeWorkers, count(ours, "process", "processes")+"; queues: "+strings.Join(served, ", "))}
}

// scripts tells of workers whose asynq runs scripts that the seam does not know:
// there, asynq's own behaviour is in force.
func scripts(_ context.Context, p *patient) []Finding {
	if p.workersErr != nil {
		return []Finding{unknown(CodeScripts, p.workersErr)}
	}
	var examples []string
	total := int64(0)
	for _, w := range p.workers {
		if w.unknownScripts > 0 {
			total += w.unknownScripts
			examples = append(examples, fmt.Sprintf("%s: %d", w.name, w.unknownScripts))
		}
	}
	if total == 0 {
		return []Finding{ok(CodeScripts, "none run")}
	}
	f := warn(CodeScripts, fmt.Sprintf("%d run by %s", total, count(len(examples), "worker process", "worker processes")),
		"Legwork's promises may not hold there: the program was built with another version of asynq. Build it with the version that Legwork's go.mod names.")
	f.Examples = some(examples)
	return []Finding{f}
}
