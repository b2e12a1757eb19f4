package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"legwork/internal/stats"
)

const (
	// tallyLotMax bounds the series of one call of the script.
	tallyLotMax = 16
	// tallyTry bounds one call.
	tallyTry = 1500 * time.Millisecond
	// tallyStopMax bounds the last writes of a process.
	tallyStopMax = 2 * time.Second
	// minutesWaitingMax bounds the minutes that wait for Redis. Beyond it the oldest
	// ones are counted as one.
	minutesWaitingMax = 60
	// writerKept is how long Redis knows the number of a process's last write.
	writerKept = 24 * time.Hour
)

// tallyLot is one call of the script, the same however often it is sent.
type tallyLot struct {
	keys []string
	args []any
}

// Start writes what is counted until Stop.
func (t *Tally) Start(ctx context.Context) error {
	t.life.Lock()
	defer t.life.Unlock()
	if t.cancel != nil {
		return nil
	}
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.done.Go(func() { t.run(ctx) })
	return nil
}

// Stop writes what is left. When Redis is away it returns an error after two seconds
// at most.
func (t *Tally) Stop(ctx context.Context) error {
	t.life.Lock()
	cancel := t.cancel
	t.cancel = nil
	t.life.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	t.done.Wait()
	ctx, end := context.WithTimeout(ctx, tallyStopMax)
	defer end()
	if err := t.Flush(ctx); err != nil {
		return fmt.Errorf("the last counts of this process are not in the statistics: %w", err)
	}
	return nil
}

func (t *Tally) run(ctx context.Context) {
	failing := false
	every(ctx, tallyEvery, func() {
		err := t.Flush(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			t.log.WarnContext(ctx, "counts not written, trying again", "error", err)
		}
		failing = err != nil
	})
}

// Flush writes what was counted so far. After an error what is not written yet goes
// with the next call.
func (t *Tally) Flush(ctx context.Context) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.harvest(time.Now())
	for {
		for len(t.frozen) > 0 {
			if err := t.send(ctx, t.frozen[0]); err != nil {
				return err
			}
			t.frozen = t.frozen[1:]
		}
		if !t.freeze() {
			return nil
		}
	}
}

// send writes one lot. What Redis will never take, for something else is stored under
// a name of the statistics, is given up. The caller holds writing.
func (t *Tally) send(ctx context.Context, lot *tallyLot) error {
	ctx, cancel := context.WithTimeout(ctx, tallyTry)
	defer cancel()
	err := t.script.Run(ctx, t.redis, lot.keys, lot.args...).Err()
	if faulty(err) {
		if quiet := time.Since(t.complained) < complainEvery; quiet {
			return nil
		}
		t.complained = time.Now()
		t.log.ErrorContext(ctx, "counts are lost: something else is stored under a name of the statistics; rename or delete that key", "keys", lot.keys, "error", err)
		return nil
	}
	return err
}

// harvest moves what is in the slots to what waits.
func (t *Tally) harvest(now time.Time) {
	minute := stats.Minute(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, s := range *t.series.Load() {
		for back := range int64(len(s.slots)) {
			if s := &s.slots[(minute-back)&1]; s.counted() {
				s.moveTo(t.counts(minute-back, name))
			}
		}
	}
	for len(t.waiting) > minutesWaitingMax {
		t.joinOldest()
	}
}

// counted reports whether anything is to be moved.
func (s *slot) counted() bool {
	for e := range s.n {
		if s.n[e].Load() != 0 {
			return true
		}
	}
	return false
}

func (s *slot) moveTo(c *stats.Counts) {
	for e := range s.n {
		c.N[e] += s.n[e].Swap(0)
	}
	for i := range s.wait {
		if s.wait[i].Load() != 0 {
			c.Wait[i] += s.wait[i].Swap(0)
		}
		if s.run[i].Load() != 0 {
			c.Run[i] += s.run[i].Swap(0)
		}
	}
}

// joinOldest adds the counts of the oldest minute to the next one. The caller holds
// mu.
func (t *Tally) joinOldest() {
	minutes := slices.Sorted(maps.Keys(t.waiting))
	for name, c := range t.waiting[minutes[0]] {
		t.counts(minutes[1], name).Merge(c)
	}
	delete(t.waiting, minutes[0])
}

// freeze makes lots of the oldest minute that waits. It reports false when none does.
// The caller holds writing.
func (t *Tally) freeze() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return false
	}
	minute := slices.Min(slices.Collect(maps.Keys(t.waiting)))
	all := t.waiting[minute]
	delete(t.waiting, minute)
	names := slices.DeleteFunc(slices.Collect(maps.Keys(all)), func(n stats.Series) bool { return all[n].Empty() })
	for lot := range slices.Chunk(names, tallyLotMax) {
		t.frozen = append(t.frozen, t.lot(minute, lot, all))
	}
	return true
}

func (t *Tally) lot(minute int64, names []stats.Series, all map[stats.Series]*stats.Counts) *tallyLot {
	t.writes++
	hour := minute / 60
	args := []any{
		t.writes, time.Unix(minute*60, 0).Add(time.Minute + stats.MinutesKept).Unix(),
		time.Unix(hour*3600, 0).Add(time.Hour + stats.HoursKept).Unix(), int64(writerKept.Seconds()), seriesMax,
	}
	for _, name := range names {
		args = append(args, name.Field(), all[name].Encode())
	}
	return &tallyLot{
		keys: []string{stats.KeyMinute(minute), stats.KeyHour(hour), stats.KeyWriter(t.process)},
		args: append(args, stats.Other().Field()),
	}
}
