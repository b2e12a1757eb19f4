package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"legwork/internal/store"
)

// What is encoded is decoded again, whatever is in it. (That asynq reads it is
// tested where asynq is known, in the engine.)
func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		number := rapid.Int64Range(0, 1<<40)
		m := &store.Message{
			Type: rapid.StringN(1, 64, -1).Draw(t, "type"), ID: rapid.StringN(1, 64, -1).Draw(t, "id"), Queue: text.Draw(t, "queue"),
			Payload: rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "payload"),
			Headers: rapid.MapOfN(text, text, 1, 5).Draw(t, "headers"),
			Retry:   rapid.IntRange(0, 1000).Draw(t, "retry"), Retried: rapid.IntRange(0, 1000).Draw(t, "retried"),
			Error: text.Draw(t, "error"), LastFailedAt: number.Draw(t, "failed"), Timeout: number.Draw(t, "timeout"),
			Deadline: number.Draw(t, "deadline"), UniqueKey: text.Draw(t, "unique"), GroupKey: text.Draw(t, "group"),
			Retention: number.Draw(t, "retention"), CompletedAt: number.Draw(t, "completed"),
		}
		got, err := store.Decode(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatalf("(want, got):\n%s", diff)
		}
	})
}

// Meta travels in one header that users do not see, and its absence or damage is
// tolerated.
func TestMeta(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 31, 12, 0, 0, 123456000, time.UTC)
	m := &store.Message{ID: "x", Timeout: 30, Headers: map[string]string{"tenant": "acme"}}
	if !m.CreatedAt().IsZero() || m.Meta().Timeout != 30_000 {
		t.Errorf("without meta: created %s, timeout %d", m.CreatedAt(), m.Meta().Timeout)
	}
	want := store.Meta{Created: at.UnixMicro(), Timeout: 1500, Tags: []string{"a", "-"}, Waiter: "w"}
	m.SetMeta(want)
	if diff := cmp.Diff(want, m.Meta()); diff != "" || !m.CreatedAt().Equal(at) {
		t.Errorf("created %s, meta (want, got):\n%s", m.CreatedAt(), diff)
	}
	if diff := cmp.Diff(map[string]string{"tenant": "acme"}, m.UserHeaders()); diff != "" {
		t.Errorf("user headers (want, got):\n%s", diff)
	}
	for _, damaged := range []string{"", "{damaged", "1 2 3", "1 a b c d  ", "2 0 0 0 0  "} {
		m.Headers[store.MetaHeader] = damaged
		if m.Meta().Timeout != 30_000 {
			t.Errorf("damaged meta %q = %+v", damaged, m.Meta())
		}
	}
	old := &store.Message{ID: "01890a5d-ac96-774b-bcce-b302099a8057"}
	if got := old.CreatedAt().UnixMilli(); got != 0x01890a5dac96 {
		t.Errorf("creation time from a UUIDv7 = %d", got)
	}
}

// Damaged messages are errors, never panics.
func FuzzDecode(f *testing.F) {
	f.Add((&store.Message{ID: "a", Type: "b", Headers: map[string]string{"c": "d"}, Retry: 3}).Encode())
	f.Add([]byte("\xff\xff"))
	f.Add([]byte{0x7a, 0x02, 0x0a, 0x05})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := store.Decode(raw)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		if _, err := store.Decode(m.Encode()); err != nil {
			t.Errorf("decoded once, not twice: %v", err)
		}
	})
}

// A message bears the id and the queue that it was made with, and no others; cut
// off anywhere it bears none.
func TestBears(t *testing.T) {
	t.Parallel()
	m := store.Message{
		Type: "a.b", Payload: []byte("{}"), ID: "id-1", Queue: "q", Retry: 300, Timeout: 90, Error: strings.Repeat("e", 200),
		Headers: map[string]string{"x": "1"},
	}
	raw := string(m.Encode())
	if !store.Bears(raw, "id-1", "q") {
		t.Error("it does not bear its own names")
	}
	if store.Bears(raw, "id-2", "q") || store.Bears(raw, "id-1", "r") {
		t.Error("it bears the names of another job")
	}
	whole := 0
	for n := range raw {
		if store.Bears(raw[:n], "id-1", "q") {
			if _, err := store.Decode([]byte(raw[:n])); err != nil {
				t.Errorf("cut off at %d: %v", n, err)
			}
			whole++
		}
	}
	if whole > 10 {
		t.Errorf("%d of %d beginnings pass for whole", whole, len(raw))
	}
	for _, junk := range []string{"", "\xff\xff", "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01id-1"} {
		if store.Bears(junk, "id-1", "q") {
			t.Errorf("%q bears names", junk)
		}
	}
}

func BenchmarkBears(b *testing.B) {
	m := store.Message{Type: "a.b", Payload: make([]byte, 100), ID: "id-1", Queue: "q", Retry: 15, Timeout: 300, Headers: map[string]string{"legwork": strings.Repeat("x", 60)}}
	raw := string(m.Encode())
	b.ReportAllocs()
	for b.Loop() {
		if !store.Bears(raw, "id-1", "q") {
			b.Fatal("not its names")
		}
	}
}
