package inspect_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: every field of a filter selects the jobs that it says, and no others; fields
// together select what passes all of them.
func TestEveryFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	k := store.KeysOf("default")
	for n, j := range []struct{ id, err, payload, fingerprint, kind string }{
		{"a", "Timeout after 3s", `{"user":{"id":7,"name":"Ann"},"items":[{"sku":"x1"},{"sku":"x2"}],"on":true}`, "00000000000000aa", "test.ok"},
		{"b", "connection refused", `{"user":{"id":"7","name":"Bob"},"none":null}`, "00000000000000bb", "test.fail"},
		{"c", "user 12 is gone", `{"user":{"id":8},"text":"a timeout in words"}`, "00000000000000aa", "test.ok"},
		{"d", "", `no JSON`, "", "test.ok"},
	} {
		m := store.Message{ID: j.id, Type: j.kind, Queue: "default", Payload: []byte(j.payload), Error: j.err}
		r.place(k, jobs.StateArchived, j.id, m.Encode(), float64(1000+n))
		if j.fingerprint != "" {
			r.redis.HSet(t.Context(), k.Task(j.id), store.FieldIndex, "archived "+j.fingerprint+" "+j.kind)
		}
	}
	r.post(client.Enqueue{Type: "test.ok", ID: "e", Payload: json.RawMessage(`{"user":{"id":7}}`), Tags: []string{"Vip"}})
	for words, want := range map[string]string{
		"state=archived": "dcba", "error=timeout": "a", "error=TIMEOUT": "a", `error="/^user [0-9]+ is gone$/"`: "c", "error=/Timeout|refused/": "ba",
		"error=/": "", "q=timeout": "ca", "q=vip": "e", "q=/^b$/": "b", "q=test.fail": "b", "q=JSON": "d",
		"payload.user.id=7": "eba", "payload.user.id=8": "c", "payload.user.id=/^[78]$/": "ecba", "payload.user.name=Ann": "a", "payload.user.name=ann": "",
		"payload.items.1.sku=x2": "a", "payload.items.2.sku=x2": "", "payload.items.sku=x2": "", "payload.on=true": "a", "payload.none=null": "b", "payload.user=7": "", "payload.user.id.x=7": "",
		"payload.user.id=7 payload.user.name=Bob": "b", "payload.user.id=7 error=timeout type=test.ok queue=default state=archived": "a",
		"fingerprint=00000000000000aa": "ca", "fingerprint=00000000000000aa error=gone": "c", "fingerprint=00000000000000cc": "",
		"since=1970-01-01T00:16:41Z until=1970-01-01T00:16:43Z": "cb", "state=archived since=1970-01-01T00:16:42Z": "dc", "until=1970-01-01T00:16:41Z": "a",
		"state=pending since=2020-01-01T00:00:00Z": "e", "state=pending until=2020-01-01T00:00:00Z": "",
	} {
		for _, limit := range []int{1, 500} {
			f := r.filter(words)
			f.Limit = limit
			if got := r.list(f); join(got) != want {
				t.Errorf("%s: %v, want %s", words, got, want)
			}
		}
	}
}

func join(ids []string) (out string) {
	for _, id := range ids {
		out += id
	}
	return out
}

// Promise: a page says how far it has looked, and a cursor belongs to its filter alone.
func TestPagesSayHowFarTheyLooked(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	var all []string
	for n := range 30 {
		all = append(all, r.post(client.Enqueue{Type: "test.ok", ID: fmt.Sprintf("s%02d", n), Delay: hours(n + 1), Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n%10))}))
	}
	f := r.filter("state=scheduled payload.n=9")
	f.Limit = 2
	first, err := r.Jobs(t.Context(), f)
	if err != nil || len(first.Jobs) != 2 || first.Looked.Jobs != 20 || first.Looked.Complete || first.Looked.Until == nil {
		t.Fatalf("first page %+v, %v", first, err)
	}
	if due := time.Until(*first.Looked.Until); due < 19*time.Hour || due > 20*time.Hour {
		t.Errorf("looked until %s from now, want the 20th job's time", due)
	}
	for _, other := range []string{"state=scheduled payload.n=8", "state=scheduled", "state=scheduled payload.n=9 q=x"} {
		wrong := r.filter(other)
		wrong.Cursor = first.NextCursor
		if _, err := r.Jobs(t.Context(), wrong); code(err) != jobs.CodeInvalidRequest {
			t.Errorf("%s with the cursor of another list: %v", other, err)
		}
	}
	f.Cursor = first.NextCursor
	last, err := r.Jobs(t.Context(), f)
	if err != nil || len(last.Jobs) != 1 || last.Looked.Jobs != 10 || !last.Looked.Complete || last.NextCursor != "" {
		t.Errorf("last page %+v, %v", last, err)
	}
	if diff := cmp.Diff(all[9:10], []string{first.Jobs[0].ID}); diff != "" || !slices.IsSorted(all) {
		t.Error(diff)
	}
}

// Promise: of dead letters, and of jobs that are due, only those within since and until
// are read at all.
func TestTimesBoundWhatIsRead(t *testing.T) {
	t.Parallel()
	for _, state := range []jobs.State{jobs.StateArchived, jobs.StateRetry, jobs.StateScheduled} {
		r := newRig(t, storetest.Redis(t))
		r.plant(state, "j", []string{"a", "b"}, 3000)
		at := time.Unix(1_700_000_001, 0)
		since, until := at, at.Add(time.Second)
		for words, want := range map[string]int{"": 997, " error=/3$/": 143} {
			f := r.filter("state=" + string(state) + words)
			f.Since, f.Until, f.Limit = &since, &until, 100
			looked, got := 0, 0
			for {
				page, err := r.Jobs(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				looked, got = looked+page.Looked.Jobs, got+len(page.Jobs)
				if f.Cursor = page.NextCursor; f.Cursor == "" {
					break
				}
			}
			if got != want || looked != 997 {
				t.Errorf("%s%s: %d jobs of %d looked at, want %d of 997", state, words, got, looked, want)
			}
		}
	}
}

// Promise: an expression that takes long over large payloads makes pages short, not calls
// long.
func TestSlowExpressionsEndThePage(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	payload := []byte(`"` + strings.Repeat("a", 250<<10) + `"`)
	for n := range 40 {
		m := store.Message{ID: numbered("j", n), Type: "test.ok", Queue: "default", Payload: payload}
		r.place(store.KeysOf("default"), jobs.StateArchived, m.ID, m.Encode(), float64(1000+n))
	}
	f := r.filter(`q="/(a?){48}a{48}b/"`)
	page, err := r.Jobs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if page.Looked.Complete || page.Looked.Jobs == 0 || page.Looked.Jobs == 40 || page.NextCursor == "" {
		t.Errorf("looked at %+v", page.Looked)
	}
}

// Promise: whatever is made of a cursor is refused as one, or goes on somewhere in the same
// list.
func TestForgedCursors(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for n := range 6 {
		r.post(client.Enqueue{Type: "test.ok", Queue: fmt.Sprint("q", n%2), ID: fmt.Sprint("p", n)})
		r.post(client.Enqueue{Type: "test.ok", Queue: fmt.Sprint("q", n%2), Delay: hours(n + 1)})
	}
	for _, state := range []string{"", "pending", "scheduled"} {
		f := client.JobFilter{State: state, Limit: 3}
		first, err := r.Jobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(first.NextCursor)
		if err != nil {
			t.Fatal(err)
		}
		try := func(forged []byte) {
			t.Helper()
			f.Cursor = base64.RawURLEncoding.EncodeToString(forged)
			if _, err := r.Jobs(t.Context(), f); code(err) != "" && code(err) != jobs.CodeInvalidRequest {
				t.Errorf("%x: %v", forged, err)
			}
		}
		for n := range raw {
			if n > 0 {
				try(raw[:n])
			}
			for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff, raw[n] ^ 1} {
				forged := slices.Clone(raw)
				forged[n] = b
				try(forged)
			}
		}
		try(append(slices.Clone(raw), 0))
		f.Cursor = first.NextCursor + "="
		if _, err := r.Jobs(t.Context(), f); code(err) != jobs.CodeInvalidRequest {
			t.Errorf("with more behind it: %v", err)
		}
	}
}
