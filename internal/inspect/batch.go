package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// batch is what one call of bulk.lua does.
type batch struct {
	*run
	at     *site
	keys   store.Keys
	now    time.Time
	shard  string // that jobs move to
	deeds  []deed
	counts map[string]int
	bytes  int   // of messages
	reach  int64 // entries of the pending list to look through
}

func newBatch(r *run, at *site) *batch {
	return &batch{run: r, at: at, keys: store.KeysOf(at.shard), now: time.Now(), counts: map[string]int{}}
}

func (b *batch) room() bool {
	return len(b.deeds) < actionMany && b.bytes < actionBytes && b.reach < pendingReach
}

// add decides on one job. size is the length of the pending list, or -1.
func (b *batch) add(s *sight, size int64) {
	if s.action == b.o.id {
		return
	}
	d, skip := b.o.decide(s, b.now)
	if skip != "" {
		b.counts["skipped:"+skip]++
		return
	}
	if s.r != nil && s.r.state == jobs.StatePending {
		if s.state == "" {
			b.reach += size
		} else {
			b.reach += s.ahead
		}
	}
	if d.to == toMove {
		d.msg = b.shard
	}
	b.deeds = append(b.deeds, d)
	b.bytes += len(d.old) + len(d.msg)
}

// send does what was decided, and notes that so many more of the jobs named have been
// looked at.
func (b *batch) send(ctx context.Context, looked int) error {
	place := b.at.place + looked
	front := ""
	if b.o.Front {
		front = "1"
	}
	k := b.keys
	args := []any{
		k.Prefix(), b.at.shard, unixText(b.now), b.now.UnixNano(), store.ChannelWake, store.ChannelCancel, b.o.id, b.at.steps,
		place, int(actionKept.Seconds()), front, len(b.counts),
	}
	for _, name := range slices.Sorted(maps.Keys(b.counts)) {
		args = append(args, name, b.counts[name])
	}
	args = append(args, 0)
	for _, d := range b.deeds {
		old := d.old
		if d.to == toDelete {
			old = "" // the state alone decides
		}
		args = append(args, d.id, d.from, d.to, old, d.msg, d.score, d.kind, d.side)
	}
	answer, err := b.bulk.Run(ctx, b.redis, []string{k.Progress(b.o.id), k.Pending(), k.Moving(), k.Tokens()}, args...).Int64Slice()
	if err != nil {
		return wrap(b.o.Action+" jobs of queue "+store.QueueOf(b.at.shard), err)
	}
	if answer[0] < 0 {
		return errLost
	}
	if len(answer) != len(b.deeds)+1 {
		return fmt.Errorf("%s jobs: %s answers for %d jobs, not %d", b.o.Action, strconv.Quote("bulk.lua"), len(answer)-1, len(b.deeds))
	}
	b.at.steps++
	b.at.place = place
	if b.o.Action == client.ActionMove {
		return b.settleShard(ctx, b.at.shard)
	}
	return nil
}
