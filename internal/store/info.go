package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Info is a section of what INFO answers, by field.
type Info map[string]string

// ReadInfo asks one server for a section of INFO.
func ReadInfo(ctx context.Context, c redis.Cmdable, section string) (Info, error) {
	text, err := c.Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("ask redis for INFO %s: %w", section, err)
	}
	info := Info{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info, nil
}

// Int returns a numeric field, and whether there is one of that name.
func (i Info) Int(field string) (int64, bool) {
	n, err := strconv.ParseInt(i[field], 10, 64)
	return n, err == nil
}

// ReadCPU returns the CPU time that one server has used so far, its children aside.
func ReadCPU(ctx context.Context, c redis.Cmdable) (time.Duration, error) {
	info, err := ReadInfo(ctx, c, "cpu")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, field := range []string{"used_cpu_sys", "used_cpu_user"} {
		used, err := time.ParseDuration(info[field] + "s")
		if err != nil {
			return 0, fmt.Errorf("redis says it used %s=%q: %w", field, info[field], err)
		}
		sum += used
	}
	return sum, nil
}

// Memory is what a server uses of what it may use.
type Memory struct {
	Used   int64  // bytes that count towards Max
	Max    int64  // maxmemory in bytes; 0 means that there is no limit
	Policy string // maxmemory_policy
}

// ReadMemory asks one server about its memory.
func ReadMemory(ctx context.Context, c redis.Cmdable) (Memory, error) {
	info, err := ReadInfo(ctx, c, "memory")
	if err != nil {
		return Memory{}, err
	}
	used, ok1 := info.Int("used_memory")
	most, ok2 := info.Int("maxmemory")
	if !ok1 || !ok2 {
		return Memory{}, errors.New("INFO memory of redis does not tell used_memory and maxmemory")
	}
	aside, _ := info.Int("mem_not_counted_for_evict")
	return Memory{Used: used - aside, Max: most, Policy: info["maxmemory_policy"]}, nil
}

// Share is the part of the maximum that is in use, 0 without a maximum.
func (m Memory) Share() float64 {
	if m.Max <= 0 {
		return 0
	}
	return float64(m.Used) / float64(m.Max)
}

// Master is one server that takes writes.
type Master struct {
	Addr   string // "" when there is only one
	Client redis.UniversalClient
}

// Masters returns every master of a Cluster, sorted by address, or the one server
// that c leads to; never none without an error. Their clients belong to c.
func Masters(ctx context.Context, c redis.UniversalClient) ([]Master, error) {
	cc, ok := c.(*redis.ClusterClient)
	if !ok {
		return []Master{{Client: c}}, nil
	}
	var mu sync.Mutex
	found := map[string]redis.UniversalClient{} // guarded by mu: the calls are concurrent
	err := cc.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		found[node.Options().Addr] = node
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the masters of the cluster: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("list the masters of the cluster: it names none")
	}
	masters := make([]Master, 0, len(found))
	for _, addr := range slices.Sorted(maps.Keys(found)) {
		masters = append(masters, Master{Addr: addr, Client: found[addr]})
	}
	return masters, nil
}
