package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// Errors that pass, or that an operator has to end, are told from errors in
// what was asked.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED,
		redis.ErrClosed, redis.ErrPoolTimeout, redis.ErrPoolExhausted, store.ErrUnreachable,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, &net.DNSError{Err: "no such host", IsNotFound: true},
		reply("LOADING Redis is loading the dataset in memory"),
		reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
		reply("CLUSTERDOWN The cluster is down"),
		reply("TRYAGAIN Multiple keys request during rehashing of slot"),
		reply("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
		reply("NOREPLICAS Not enough good replicas to write."),
		reply("ERR max number of clients reached"),
		reply("ERR Protocol error: unauthenticated multibulk length"),
		reply("EXECABORT Transaction discarded because of: LOADING Redis is loading"),
		reply("ERR Error running script (call to f_ab): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'."),
	} {
		if !store.Unavailable(fmt.Errorf("enqueue: %w", err)) {
			t.Errorf("%v: not told to be unavailable", err)
		}
	}
	for _, err := range []error{
		nil, redis.Nil, redis.TxFailedErr, context.Canceled, errors.New("connection refused"),
		&net.OpError{Op: "dial", Err: context.Canceled},
		reply("WRONGTYPE Operation against a key holding the wrong kind of value"),
		reply("NOSCRIPT No matching script. Please use EVAL."),
		reply("BUSYGROUP Consumer Group name already exists"),
		reply("BUSYKEY Target key name already exists."),
		reply("EXECABORT Transaction discarded because of previous errors."),
		reply("ERR Error running script (call to f_ab): @user_script:1: attempt to index a nil value"),
	} {
		if store.Unavailable(err) {
			t.Errorf("%v: told to be unavailable", err)
		}
	}
}

// A key of another type is told from an outage, also inside a script of an older
// Redis.
func TestWrongType(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		reply("WRONGTYPE Operation against a key holding the wrong kind of value"),
		fmt.Errorf("take: %w", reply("WRONGTYPE Operation against a key holding the wrong kind of value script: ab, on @user_script:2.")),
		reply("ERR Error running script (call to f_ab): @user_script:1: @user_script: 1: -WRONGTYPE Operation against a key"),
	} {
		if !store.WrongType(err) || store.Unavailable(err) {
			t.Errorf("%v: wrong type %t, unavailable %t", err, store.WrongType(err), store.Unavailable(err))
		}
	}
	for _, err := range []error{nil, redis.Nil, errors.New("WRONGTYPE"), reply("OOM command not allowed"), reply("ERR Error running script")} {
		if store.WrongType(err) {
			t.Errorf("%v: told to be of a wrong type", err)
		}
	}
}

// A full server takes no writes, from scripts neither, and that is told as
// unavailable.
func TestUnavailableWhenFull(t *testing.T) {
	t.Parallel()
	r := storetest.RedisWith(t, storetest.Options{Args: []string{"--maxmemory", "1mb", "--maxmemory-policy", "noeviction"}})
	set := redis.NewScript(`return redis.call("SET", KEYS[1], ARGV[1])`)
	big := strings.Repeat("x", 1<<20)
	_ = r.Client.Set(t.Context(), "first", big, 0).Err()
	for name, err := range map[string]error{
		"command": r.Client.Set(t.Context(), "key", big, 0).Err(),
		"script":  set.Run(t.Context(), r.Client, []string{"key"}, big).Err(),
	} {
		if !redis.IsOOMError(err) || !store.Unavailable(err) {
			t.Errorf("%s: got %v (unavailable %t)", name, err, store.Unavailable(err))
		}
	}
}

// A server that a script keeps busy is unavailable to everyone else.
func TestUnavailableWhenBusy(t *testing.T) {
	t.Parallel()
	r := storetest.RedisWith(t, storetest.Options{Args: []string{"--lua-time-limit", "20"}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var script sync.WaitGroup
	script.Go(func() { _ = r.Client.Eval(ctx, "while true do end", nil).Err() })
	var err error
	for err == nil && ctx.Err() == nil {
		err = r.Client.Get(ctx, "key").Err()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
	}
	if err == nil || !strings.HasPrefix(err.Error(), "BUSY ") || !store.Unavailable(err) {
		t.Errorf("got %v (unavailable %t)", err, store.Unavailable(err))
	}
	if err := r.Client.ScriptKill(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	script.Wait()
}

// A replica takes no writes.
func TestUnavailableWhenReplica(t *testing.T) {
	t.Parallel()
	r := storetest.Sentinel(t)
	c, err := store.Open(store.Options{URL: "redis://" + r.Nodes[1].Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "key", "value", 0).Err(); !redis.IsReadOnlyError(err) || !store.Unavailable(err) {
		t.Errorf("got %v (unavailable %t)", err, store.Unavailable(err))
	}
}

// When the master dies the client of Sentinels finds the new one by itself.
func TestFailover(t *testing.T) {
	t.Parallel()
	r := storetest.Sentinel(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := r.Client.Set(ctx, "before", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	replica := open(t, store.Options{URL: "redis://" + r.Nodes[1].Addr()})
	for replica.Get(ctx, "before").Val() != "1" {
		if ctx.Err() != nil {
			t.Fatal("the replica did not get it")
		}
	}
	r.Nodes[0].Kill()
	start := time.Now()
	for {
		err := r.Client.Set(ctx, "after", "1", 0).Err()
		if err == nil {
			break
		}
		if !store.Unavailable(err) {
			t.Fatalf("during the failover: got %v", err)
		}
	}
	t.Logf("failover took %s", time.Since(start))
	if got, err := r.Client.Get(ctx, "before").Result(); got != "1" {
		t.Errorf("what the old master had: got %q, %v", got, err)
	}
}
