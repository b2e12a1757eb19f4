package inspect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an action by type or fingerprint reads the jobs of the index, not all that are
// in the state; when the index has not all of them, it reads those.
func TestActionsReadTheIndex(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	r.plant(jobs.StateArchived, "plain", []string{"default"}, 2000)
	k, ctx := store.KeysOf("default"), t.Context()
	for _, one := range [][2]string{{"plain", "test.ok"}, {"rare", "test.fail"}} {
		r.redis.SAdd(ctx, k.Indexes(), "archived:"+store.IndexType+":"+one[1])
		for n := range map[string]int{"plain": 2000, "rare": 30}[one[0]] {
			m := store.Message{ID: numbered(one[0], n), Type: one[1], Queue: "default"}
			if one[0] == "rare" {
				r.place(k, jobs.StateArchived, m.ID, m.Encode(), 1_700_000_000)
			}
			r.redis.ZAdd(ctx, k.Index("archived", store.IndexType, one[1]), redis.Z{Score: 1_700_000_000, Member: m.ID})
			r.redis.HSet(ctx, k.Task(m.ID), store.FieldIndex, "archived  "+one[1])
		}
	}
	act := func(kind string, want, most int) {
		t.Helper()
		r.redis.ConfigResetStat(ctx)
		f := r.filter("state=archived type=" + kind)
		out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, Filter: &f}).ID)
		reads := 0
		_, rest, _ := strings.Cut(r.redis.Info(ctx, "commandstats").Val(), "cmdstat_hmget:calls=")
		if _, err := fmt.Sscanf(rest, "%d", &reads); err != nil || out.Done != want || reads > most {
			t.Errorf("%s: %d done, want %d; %d reads, %v", kind, out.Done, want, reads, err)
		}
	}
	act("test.fail", 30, 500)
	r.redis.ZRem(ctx, k.Index("archived", store.IndexType, "test.ok"), numbered("plain", 7))
	act("test.ok", 2000, 100_000)
}
