package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: a key of another type is told of, and its remedy, while the rest of the list
// is there; asked for alone it is an error with a code; an export does not pass it over.
func TestListsOfAnotherType(t *testing.T) {
	t.Parallel()
	for _, state := range jobs.States() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t))
			kept := r.post(client.Enqueue{Type: "test.ok", Queue: "good"})
			r.post(client.Enqueue{Type: "test.ok", Queue: "bad"})
			key := store.KeysOf("bad").State(string(state))
			r.redis.Del(t.Context(), key)
			r.redis.Set(t.Context(), key, "x", 0)
			list, err := r.Jobs(t.Context(), client.JobFilter{})
			if err != nil || !slices.ContainsFunc(list.Jobs, func(j client.Job) bool { return j.ID == kept }) {
				t.Fatalf("list %+v, %v", list, err)
			}
			if f := list.Faults; len(f) != 1 || f[0].Queue != "bad" || f[0].State != string(state) || f[0].Code != client.CodeUnavailable || !strings.Contains(f[0].Detail, key) {
				t.Errorf("faults %+v", f)
			}
			for words, want := range map[string]jobs.Code{
				"queue=bad state=" + string(state): jobs.CodeUnavailable, "queue=good state=" + string(state): "", "type=test.ok": "",
			} {
				if _, err := r.Jobs(t.Context(), r.filter(words)); code(err) != want {
					t.Errorf("%s: %v", words, err)
				}
			}
			if err := r.Export(t.Context(), client.JobFilter{State: string(state)}, func([][]byte) error { return nil }); code(err) != jobs.CodeUnavailable {
				t.Errorf("export: %v", err)
			}
		})
	}
}

// Promise: what stands under a job's key and is no job is shown as that, and breaks
// neither the list nor the job beside it.
func TestJobKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	kept, alien := r.post(client.Enqueue{Type: "test.ok"}), r.post(client.Enqueue{Type: "test.ok"})
	key := store.KeysOf("default").Task(alien)
	r.redis.Del(t.Context(), key)
	r.redis.Set(t.Context(), key, "x", 0)
	list, err := r.Jobs(t.Context(), client.JobFilter{})
	if err != nil || len(list.Jobs) != 2 || list.Jobs[0].ID != alien || !list.Jobs[0].Missing || list.Jobs[1].ID != kept || list.Jobs[1].Missing {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := r.Job(t.Context(), alien); code(err) != jobs.CodeUnavailable {
		t.Errorf("the job: %v", err)
	}
}

// Promise: dead letters by type or fingerprint are read from their index, and from the
// whole list when the index has not all of them; either way all are found, in order.
func TestIndexedLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	k, ctx := store.KeysOf("default"), t.Context()
	var want []string
	for n := range 300 {
		kind, fingerprint := "test.ok", "00000000000000aa"
		id := fmt.Sprintf("j%03d", n)
		if n%10 == 0 {
			kind, fingerprint = "test.rare", "00000000000000bb"
			want = append(want, id)
		}
		m := store.Message{ID: id, Type: kind, Queue: "default"}
		score := float64(1000 + n/50) // many of one second
		r.place(k, jobs.StateArchived, id, m.Encode(), score)
		r.redis.HSet(ctx, k.Task(id), store.FieldIndex, "archived "+fingerprint+" "+kind)
		for _, by := range [][2]string{{store.IndexType, kind}, {store.IndexFingerprint, fingerprint}} {
			r.redis.ZAdd(ctx, k.Index("archived", by[0], by[1]), redis.Z{Score: score, Member: id})
			r.redis.SAdd(ctx, k.Indexes(), "archived:"+by[0]+":"+by[1])
		}
	}
	slices.Reverse(want)
	look := func(words string, limit, most int) {
		t.Helper()
		f, looked := r.filter(words), 0
		f.Limit = limit
		var got []string
		for {
			page, err := r.Jobs(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			looked += page.Looked.Jobs
			for _, j := range page.Jobs {
				got = append(got, j.ID)
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
		}
		if !slices.Equal(got, want) || looked > most {
			t.Errorf("%s, %d to a page: %d looked at, %v", words, limit, looked, got)
		}
	}
	for _, limit := range []int{1, 7, 100} {
		look("state=archived type=test.rare", limit, 30)
		look("fingerprint=00000000000000bb", limit, 30)
	}
	r.redis.ZRem(ctx, k.Index("archived", store.IndexType, "test.ok"), "j001")
	look("state=archived type=test.rare", 7, 300)
	r.redis.ZRem(ctx, k.Index("archived", store.IndexType, "test.rare"), "j010")
	look("state=archived type=test.rare", 7, 300)
	r.redis.Del(ctx, k.Indexes())
	r.redis.Set(ctx, k.Indexes(), "x", 0)
	look("state=archived type=test.rare", 7, 300)
}
