package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// patient is the Redis under examination and what was read of it. What could not
// be read has its error beside it.
type patient struct {
	redis redis.UniversalClient
	nodes []node

	now        time.Time // by Redis' clock
	workers    []worker
	workersErr error
	queues     []string // sorted
	queuesErr  error
	scan       scan
}

// node is one master.
type node struct {
	store.Master
	info    store.Info
	infoErr error
}

func meetNode(ctx context.Context, m store.Master) node {
	n := node{Master: m}
	n.info, n.infoErr = store.ReadInfo(ctx, m.Client, "default")
	return n
}

// is puts the node's name on findings about it.
func (n node) is(f Finding) Finding {
	if n.Addr != "" {
		f.Nodes = []string{n.Addr}
	}
	return f
}

// field returns a field of the node's INFO, or why there is none.
func (n node) field(name string) (string, error) {
	if n.infoErr != nil {
		return "", n.infoErr
	}
	value, ok := n.info[name]
	if !ok {
		return "", fmt.Errorf("INFO does not tell %s", name)
	}
	return value, nil
}

// setting asks the node for one value of its configuration.
func (n node) setting(ctx context.Context, name string) (string, error) {
	got, err := n.Client.ConfigGet(ctx, name).Result()
	if err != nil {
		return "", fmt.Errorf("CONFIG GET %s is refused: %w", name, err)
	}
	value, ok := got[name]
	if !ok {
		return "", fmt.Errorf("CONFIG GET does not tell %s", name)
	}
	return value, nil
}

// each makes one finding per node.
func (p *patient) each(judge func(n node) Finding) []Finding {
	var out []Finding
	for _, n := range p.nodes {
		out = append(out, n.is(judge(n)))
	}
	return out
}

func (p *patient) run(ctx context.Context, checks []check) []Finding {
	var out []Finding
	for _, c := range checks {
		bounded, cancel := context.WithTimeout(ctx, checkTimeout)
		out = append(out, c(bounded, p)...)
		cancel()
	}
	return out
}

// readJobs reads what the checks of jobs share.
func (p *patient) readJobs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	p.now = time.Now()
	if now, err := p.redis.Time(ctx).Result(); err == nil {
		p.now = now
	}
	if p.queues, p.queuesErr = p.redis.SMembers(ctx, store.KeyQueues).Result(); p.queuesErr != nil {
		p.queuesErr = fmt.Errorf("list queues: %w", p.queuesErr)
	}
	slices.Sort(p.queues)
	p.workers, p.workersErr = readWorkers(ctx, p.redis, p.now)
	p.scan = scanJobs(ctx, p)
}

// exec sends a pipeline. Single commands carry their own errors; it returns only
// those that Redis did not answer at all.
func exec(ctx context.Context, pipe redis.Pipeliner) error {
	_, err := pipe.Exec(ctx)
	if _, answered := errors.AsType[redis.Error](err); err == nil || answered {
		return nil
	}
	return err
}

// count writes "1 job", "2 jobs".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
