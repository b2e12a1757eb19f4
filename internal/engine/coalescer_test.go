package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a coalescer whose writes each last until told to end, whatever their
// context says.
type slow struct {
	*coalescer[string]
	end   chan struct{} // ends one write
	wrote [][]string    // by write; read between writes
}

const slowTimeout = 1600 * time.Millisecond

func newSlow() *slow {
	h := &slow{end: make(chan struct{})}
	h.coalescer = newCoalescer(func(_ context.Context, items []string) {
		h.wrote = append(h.wrote, slices.Clone(items))
		<-h.end
	}, slowTimeout)
	h.start(1)
	return h
}

// putAsync puts the item and returns where the outcome comes.
func (h *slow) putAsync(ctx context.Context, item string, began time.Time) <-chan error {
	out := make(chan error, 1)
	go func() { out <- h.put(ctx, item, began) }()
	synctest.Wait()
	return out
}

func endOf(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	default:
		t.Fatal("still waits")
		return nil
	}
}

// Promise: a caller waits no longer than its timeout from its beginning, be its
// item in a write that hangs or behind it; and it loses at most an eighth of that
// to others.
func TestCallersWaitNoLongerThanTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newSlow()
		start := time.Now()
		for _, c := range []struct{ comes, began, leaves time.Duration }{
			{0, 0, slowTimeout},                                               // in the write
			{0, -time.Second, slowTimeout - time.Second},                      // behind it, after a look that took long
			{slowTimeout / 2, slowTimeout / 2, slowTimeout * 3 / 2},           // behind it, later
			{slowTimeout * 6 / 10, slowTimeout * 6 / 10, slowTimeout * 3 / 2}, // with the one before
			{slowTimeout * 9 / 10, slowTimeout * 9 / 10, slowTimeout * 19 / 10},
		} {
			go func() {
				time.Sleep(c.comes)
				err := h.put(t.Context(), "x", start.Add(c.began))
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != c.leaves {
					t.Errorf("came at %s, began at %s: left at %s with %v, want %s", c.comes, c.began, took, err, c.leaves)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * slowTimeout)
		close(h.end)
		h.close()
		if len(h.wrote) != 1 {
			t.Errorf("written: %q; nobody waited for more than the first write", h.wrote)
		}
	})
}

// What gathers behind a write goes into the next one together; items of callers
// that have gone are left out of it; and what came much later than the first is
// not refused with it.
func TestItemsGatherBehindAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newSlow()
		gone, leave := context.WithCancel(t.Context())
		first := h.putAsync(t.Context(), "first", time.Now())
		a := h.putAsync(t.Context(), "a", time.Now())
		b := h.putAsync(gone, "b", time.Now())
		c := h.putAsync(t.Context(), "c", time.Now())
		leave()
		synctest.Wait()
		if err := endOf(t, b); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that left got %v", err)
		}
		h.end <- struct{}{}
		synctest.Wait()
		if err := endOf(t, first); err != nil {
			t.Error(err)
		}
		early := h.putAsync(t.Context(), "early", time.Now())
		time.Sleep(slowTimeout / 2)
		late := h.putAsync(t.Context(), "late", time.Now())
		time.Sleep(slowTimeout * 6 / 10)
		for range 2 {
			h.end <- struct{}{}
		}
		synctest.Wait()
		for name, got := range map[string]<-chan error{"early": early, "a": a, "c": c} {
			if err := endOf(t, got); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want its time to be over", name, err)
			}
		}
		if err := endOf(t, late); err != nil {
			t.Errorf("late: %v", err)
		}
		h.close()
		if want := [][]string{{"first"}, {"a", "c"}, {"late"}}; !slices.EqualFunc(h.wrote, want, slices.Equal) {
			t.Errorf("written %q, want %q", h.wrote, want)
		}
		if err := h.put(t.Context(), "x", time.Now()); !errors.Is(err, errStopped) {
			t.Errorf("after close: %v", err)
		}
	})
}
