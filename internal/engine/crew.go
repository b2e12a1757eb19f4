package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"

	"github.com/hibiken/asynq"

	"legwork/jobs"
)

// crew are goroutines that run jobs, kept from one job to the next: their stacks
// have grown to what handlers need. A panic ends an attempt and nothing else;
// runtime.Goexit ends the goroutine, too, and the next job gets a new one.
type crew struct {
	name string // of the process, so that hands of several workers are told apart
	run  func(ctx context.Context, h *hand, task *asynq.Task) error

	mu     sync.Mutex
	idle   []*hand // guarded by mu; the one that was busy last is used first
	hired  int     // guarded by mu; goroutines ever made
	closed bool    // guarded by mu
}

// hand is one goroutine of the crew.
type hand struct {
	name string // the value of its profiler label
	work chan errand
	done chan verdict
}

// errand is one job for a hand.
type errand struct {
	ctx  context.Context // asynq's
	task *asynq.Task
}

// verdict is what asynq is to hear of it.
type verdict struct {
	err  error
	gone bool // the goroutine ends with the job
}

// do runs the job on a goroutine of the crew and waits for it.
func (c *crew) do(ctx context.Context, task *asynq.Task) error {
	h := c.hire()
	h.work <- errand{ctx, task}
	v := <-h.done
	if !v.gone {
		c.rest(h)
	}
	return v.err
}

func (c *crew) hire() *hand {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		h := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return h
	}
	c.hired++
	h := &hand{name: c.name + "/" + strconv.Itoa(c.hired), work: make(chan errand, 1), done: make(chan verdict, 1)}
	go c.serve(h)
	return h
}

// rest keeps the goroutine for the next job.
func (c *crew) rest(h *hand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		close(h.work)
		return
	}
	c.idle = append(c.idle, h)
}

// close ends the idle goroutines; the others end with their jobs.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, h := range c.idle {
		close(h.work)
	}
	c.idle = nil
}

func (c *crew) serve(h *hand) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(handLabel, h.name)))
	for e := range h.work {
		h.done <- verdict{err: c.run(e.ctx, h, e.task)}
	}
}

// call runs a handler. When that ends the goroutine, exit is called with the
// verdict, and nothing else is any more.
func call(ctx context.Context, t *jobs.Type, payload json.RawMessage, log func() *slog.Logger, exit func(error)) (result json.RawMessage, err error) {
	returned := false
	defer func() {
		switch p := recover(); {
		case p != nil:
			stack := string(debug.Stack())
			log().ErrorContext(ctx, "handler panicked", "panic", p, "stack", stack)
			err = &panicError{text: fmt.Sprintf("panic: %v%s", p, panicSite()), stack: stack}
		case !returned:
			exit(errGoexit)
		}
	}()
	result, err = t.Run(ctx, payload)
	returned = true
	return result, err
}

// panicSite names the function and line that panicked: the first frame below
// the runtime's.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf(" [%s:%d]", f.Function, f.Line)
		}
		if !more {
			return ""
		}
	}
}
