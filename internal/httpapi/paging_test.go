package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// fill enqueues n jobs of the form in one batch and returns their ids.
func (r *rig) fill(n int, form string) []string {
	r.t.Helper()
	a := r.send(http.MethodPost, "/v1/jobs/batch", lines(n, form), "Content-Type", ndjson)
	result := into[client.BatchResult](a)
	if result.Enqueued != n {
		r.t.Fatalf("enqueued %d of %d: %d %.500s", result.Enqueued, n, a.status, a.body)
	}
	ids := make([]string, n)
	for i, item := range result.Results {
		ids[i] = item.ID
	}
	return ids
}

// settle waits until the queue has that many jobs in the state.
func (r *rig) settle(queue, state string, n int) {
	r.t.Helper()
	var last client.Queue
	eventually(r.t, func() bool {
		last = into[client.Queue](r.get("/v1/queues/" + queue))
		return last.States[state] == n
	}, func() string { return fmt.Sprintf("queue = %+v, want %d %s", last, n, state) })
}

// shelves fills three queues with 1,234 jobs in five states and returns their ids.
func (r *rig) shelves() []string {
	r.t.Helper()
	stop := r.pool("a")
	ids := r.fill(400, `{"type":"test.ok","queue":"a","tags":["even"]}`)
	ids = append(ids, r.fill(100, `{"type":"test.fail","queue":"a"}`)...)
	ids = append(ids, r.fill(134, `{"type":"test.die","queue":"a"}`)...)
	r.settle("a", "completed", 400)
	r.settle("a", "retry", 100)
	r.settle("a", "archived", 134)
	stop()
	ids = append(ids, r.fill(200, `{"type":"test.ok","queue":"b"}`)...)
	ids = append(ids, r.fill(50, `{"type":"test.any","queue":"b","delay":"1h"}`)...)
	ids = append(ids, r.fill(250, `{"type":"test.any","queue":"c","delay":"2h","tags":["even"]}`)...)
	return append(ids, r.fill(100, `{"type":"test.any","queue":"c"}`)...)
}

// pages follows the cursors to the end and returns the ids in their order and
// the sizes of the pages.
func (r *rig) pages(query string) (ids []string, sizes []int) {
	r.t.Helper()
	cursor := ""
	for {
		a := r.get("/v1/jobs?" + query + "&cursor=" + url.QueryEscape(cursor))
		if a.status != http.StatusOK {
			r.t.Fatalf("%s: %d %s", query, a.status, a.body)
		}
		list := into[client.JobList](a)
		for _, j := range list.Jobs {
			ids = append(ids, j.ID)
		}
		sizes = append(sizes, len(list.Jobs))
		if cursor = list.NextCursor; cursor == "" {
			return ids, sizes
		}
	}
}

// Promise: following the cursors yields every job exactly once, in full pages,
// whatever the limit; filters narrow the list and nothing else.
func TestPagesYieldEveryJobOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	all := slices.Sorted(slices.Values(r.shelves()))
	for _, limit := range []int{7, 100, 500} {
		got, sizes := r.pages(fmt.Sprintf("limit=%d", limit))
		slices.Sort(got)
		if !slices.Equal(got, all) {
			t.Errorf("limit %d: %d jobs, %d different ones, want the %d", limit, len(got), len(slices.Compact(got)), len(all))
		}
		for _, n := range sizes[:len(sizes)-1] {
			if n != limit {
				t.Errorf("limit %d: pages of %v", limit, sizes)
				break
			}
		}
	}
	for query, want := range map[string]int{
		"state=pending": 300, "state=scheduled": 300, "state=retry": 100, "state=archived": 134, "state=completed": 400, "state=active": 0,
		"queue=a": 634, "queue=b": 250, "queue=nowhere": 0, "queue=c&state=scheduled": 250,
		"type=test.ok": 600, "type=test.none": 0, "tag=even": 650, "tag=even&state=scheduled": 250, "tag=even&type=test.any&queue=c": 250, "type=test.ok&queue=c": 0,
	} {
		if got, _ := r.pages("limit=100&" + query); len(got) != want {
			t.Errorf("%s: %d jobs, want %d", query, len(got), want)
		}
	}
}

// Promise: the list begins with what is running and ends with what is done;
// within a state the newest of all queues comes first, or the next due.
func TestOrderOfTheList(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for i := range 3 {
		r.enqueue(fmt.Sprintf(`{"type":"test.ok","id":"p%d"}`, i))
		r.enqueue(fmt.Sprintf(`{"type":"test.ok","id":"s%d","delay":"%dh"}`, i, i+1))
		r.enqueue(fmt.Sprintf(`{"type":"test.ok","id":"b%d","queue":"b"}`, i))
	}
	r.post("/v1/jobs/p1/archive", "")
	got, _ := r.pages("limit=2")
	if want := strings.Fields("b2 p2 b1 b0 p0 s0 s1 s2 p1"); !slices.Equal(got, want) {
		t.Errorf("order = %v, want %v", got, want)
	}
}

// Promise: while producers and workers change the list, the jobs that stay put
// all appear.
func TestPagesWhileJobsMove(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	stay := r.shelves()
	r.pool("busy")
	var moving sync.WaitGroup
	for range 2 {
		moving.Go(func() {
			for range 20 {
				r.fill(20, `{"type":"test.ok","queue":"busy","retention":"1s"}`)
				r.fill(20, `{"type":"test.ok","queue":"b","delay":"1h"}`)
				r.enqueue(`{"type":"test.die","queue":"busy"}`)
			}
		})
	}
	for range 3 {
		got, _ := r.pages("limit=37")
		slices.Sort(got)
		for _, id := range stay {
			if _, found := slices.BinarySearch(got, id); !found {
				t.Errorf("job %s did not appear among %d", id, len(got))
			}
		}
	}
	moving.Wait()
}

// Promise: a page can be emptied before the next one is asked for: no job that
// stays put is passed over, in any state.
func TestPagesThatAreDeletedOnTheWay(t *testing.T) {
	t.Parallel()
	for _, state := range []jobs.State{jobs.StatePending, jobs.StateScheduled, jobs.StateArchived, jobs.StateCompleted, jobs.StateRetry} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t), nil)
			r.shelves()
			want, _ := r.pages("limit=500&state=" + string(state))
			seen := map[string]bool{}
			cursor := ""
			for {
				list := into[client.JobList](r.get("/v1/jobs?limit=20&state=" + string(state) + "&cursor=" + url.QueryEscape(cursor)))
				for _, j := range list.Jobs {
					seen[j.ID] = true
					if a := r.send(http.MethodDelete, "/v1/jobs/"+j.ID, ""); a.status != http.StatusNoContent {
						t.Fatalf("delete: %d %s", a.status, a.body)
					}
				}
				if cursor = list.NextCursor; cursor == "" {
					break
				}
			}
			if len(seen) != len(want) {
				t.Errorf("%d of %d jobs appeared", len(seen), len(want))
			}
		})
	}
}
