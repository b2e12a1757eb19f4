package comparison

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/internal/store/storetest"
)

// Promise: the watch of an idle Redis tells what clients send from what scripts
// run, with and without a password.
func TestWatch(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	for _, url := range []string{inst.URL, strings.Replace(inst.URL, "redis://", "redis://:secret@", 1)} {
		p, err := openProbe(url)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() {
			for ctx.Err() == nil {
				inst.Client.Eval(ctx, "return redis.call('TIME')[1] .. redis.call('TIME')[2]", nil)
			}
		})
		sent, all, err := p.watch(t.Context(), 200*time.Millisecond)
		cancel()
		loop.Wait()
		// One that was begun before the span, or not ended within it, counts in part.
		if err != nil || sent < 3 || all < 3*(sent-2) || all > 3*(sent+2) {
			t.Errorf("%d sent, %d in all, %v", sent, all, err)
		}
		if err := errors.Join(p.close(), inst.Client.ConfigSet(t.Context(), "requirepass", "secret").Err()); err != nil {
			t.Fatal(err)
		}
	}
}
