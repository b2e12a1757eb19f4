package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: of the jobs of one take the first and the last, and of a small take all, are
// known to the nanosecond since when they were pending; others lie between neighbours.
func TestPendingsLieBetweenNeighbours(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	take := store.Script(luaFiles, "take")
	for _, n := range []int{1, 2, 3, 8, 15, 16, 17, 18, 24, 25, 26, 99, 100} {
		k := store.KeysOf(fmt.Sprint("q", n))
		want := make([]int64, 0, n)
		for i := range n {
			id, since := fmt.Sprint("j", i), int64(1_764_000_000_000_000_000)+int64(i*i)*1_000_003
			var err error
			switch i % 22 { // neither a deleted job nor damage puts the others out of step
			case 5:
			case 16:
				err = inst.Client.Set(t.Context(), k.Task(id), "planted", 0).Err()
			default:
				want = append(want, since)
				err = inst.Client.HSet(t.Context(), k.Task(id), store.FieldMessage, "m", store.FieldPendingSince, since).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := inst.Client.LPush(t.Context(), k.Pending(), id).Err(); err != nil {
				t.Fatal(err)
			}
		}
		reply, err := take.Run(t.Context(), inst.Client, takeKeys(k), 1, k.Prefix(), 100, "me", 1, pendingStep).Slice()
		if err != nil {
			t.Fatal(err)
		}
		told, _ := reply[2].([]any)
		p := readPendings(told, len(want))
		if most := len(want)/pendingStep + 2; n > 2*pendingStep && len(told) > most {
			t.Errorf("of %d jobs %d times are read", n, len(told))
		}
		for i, exact := range want {
			left, right := want[i/pendingStep*pendingStep], want[min((i/pendingStep+1)*pendingStep, len(want)-1)]
			got := p.since(i)
			if n <= 2*pendingStep || i == 0 || i == len(want)-1 {
				left, right = exact-pendingStep, exact+pendingStep // the division's rest
			}
			if got < left || got > right {
				t.Errorf("job %d of %d: %d, want %d, or from %d to %d", i, n, got, exact, left, right)
			}
		}
	}
}

// Promise: times that are missing or damaged are nobody's.
func TestPendingsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	for _, told := range []any{nil, "1", []any{}, []any{"", "x", nil, "-5"}, []any{"9223372036854775807", "1", "", "1"}} {
		p := readPendings(told, 20)
		for k := range 20 {
			if since := p.since(k); since < 0 {
				t.Errorf("%v, job %d: %d", told, k, since)
			}
		}
	}
	if p := readPendings([]any{""}, 1); p.since(0) != 0 {
		t.Errorf("%d", p.since(0))
	}
	shuffled := []any{"900", "100", "500"} // a job that came back stands in front
	got := make([]int64, 0, 17)
	for k, p := 0, readPendings(shuffled, 17); k < 17; k++ {
		got = append(got, p.since(k))
	}
	if slices.Min(got) < 100 || slices.Max(got) > 900 || got[8] != 100 {
		t.Errorf("of %v: %v", shuffled, got)
	}
}

// BenchmarkTake is what a take of a hundred jobs costs Redis, per job, when the times of
// all of them are read, of every eighth, and of hardly any. Run it with -benchtime 100000x.
func BenchmarkTake(b *testing.B) {
	for _, step := range []int{1, pendingStep, 49} {
		b.Run(fmt.Sprint("step=", step), func(b *testing.B) {
			inst := storetest.Redis(b)
			take, k := store.Script(luaFiles, "take"), store.KeysOf("default")
			pipe := inst.Client.Pipeline()
			for i := range b.N {
				id := fmt.Sprintf("0198a7b2-4c1d-7e2f-8a3b-%012d", i)
				pipe.HSet(b.Context(), k.Task(id), store.FieldMessage, strings.Repeat("m", 220), store.FieldState, "pending", store.FieldPendingSince, time.Now().UnixNano())
				if pipe.LPush(b.Context(), k.Pending(), id); pipe.Len() >= 1000 || i == b.N-1 {
					if _, err := pipe.Exec(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			before := usedCPU(b, inst)
			for b.ResetTimer(); ; {
				reply, err := take.Run(b.Context(), inst.Client, takeKeys(k), 1, k.Prefix(), 100, "me", 1, step).Slice()
				if err != nil {
					b.Fatal(err)
				}
				if len(reply) == 3 {
					break
				}
			}
			b.ReportMetric((usedCPU(b, inst)-before)/float64(b.N), "redis-ns/job")
		})
	}
}

// usedCPU is the CPU time, in nanoseconds, that Redis has used so far.
func usedCPU(b *testing.B, inst storetest.Instance) float64 {
	b.Helper()
	used, err := store.ReadCPU(b.Context(), inst.Client)
	if err != nil {
		b.Fatal(err)
	}
	return float64(used.Nanoseconds())
}
