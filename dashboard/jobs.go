package dashboard

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// jobsMax is the number of jobs of a page.
const jobsMax = 50

type jobList struct {
	Tabs     []stateTab
	State    string
	Search   string // as written into the search field
	Words    string // the filter with its state, as actions take it
	Filtered bool
	Jobs     []client.Job
	Looked   client.Looked
	Faults   []client.Fault
	More     string // query of the next page, or ""
	Later    bool   // this is not the first page
	Page     string // path and query of this page
	Curl     string
	Queues   []string
	Types    []string
}

// stateTab is a state with the number of jobs in it.
type stateTab struct {
	State  string
	Count  int
	Query  string
	Chosen bool
}

func (d *Dashboard) jobs(r *http.Request) (content, error) {
	ctx, q := r.Context(), r.URL.Query()
	f, err := parseSearch(q.Get("search"), time.Now())
	if err != nil {
		return content{}, err
	}
	// Links of other pages name single fields.
	for _, name := range []string{"queue", "type", "tag", "error", "fingerprint", "q"} {
		if v := q.Get(name); v != "" {
			if err := f.Set(name, v); err != nil {
				return content{}, badSearch(err)
			}
		}
	}
	if f.State == "" {
		f.State = q.Get("state")
	}
	page := jobList{Search: searchWords(f), Words: f.String(), State: f.State, Page: r.URL.RequestURI(), Filtered: f.Values().Encode() != ""}
	f.Limit, f.Cursor = jobsMax, q.Get("cursor")
	page.Later = f.Cursor != ""
	list, err := d.Inspector.Jobs(ctx, f)
	if err != nil {
		return content{}, err
	}
	queues, err := d.Inspector.Queues(ctx, d.Catalog.Weights(ctx))
	if err != nil {
		return content{}, err
	}
	page.Jobs, page.Looked, page.Faults = list.Jobs, list.Looked, list.Faults
	page.Tabs = stateTabs(queues, f)
	if list.NextCursor != "" {
		next := url.Values{"search": {page.Search}, "state": {f.State}, "cursor": {list.NextCursor}}
		page.More = "?" + next.Encode()
	}
	page.Curl = command(http.MethodGet, "/v1/jobs?"+f.Values().Encode(), "")
	for _, q := range queues {
		page.Queues = append(page.Queues, q.Name)
	}
	for _, t := range d.Catalog.Types(ctx) {
		page.Types = append(page.Types, t.Name)
	}
	return content{"Jobs", page}, nil
}

// stateTabs counts the jobs of each state, in the filter's queue alone when it has one.
func stateTabs(queues []client.Queue, f client.JobFilter) []stateTab {
	counts, all := map[string]int{}, 0
	for _, q := range queues {
		if f.Queue != "" && q.Name != f.Queue {
			continue
		}
		for state, n := range q.States {
			counts[state] += n
			all += n
		}
	}
	tab := func(state string, n int) stateTab {
		link := url.Values{"state": {state}, "search": {searchWords(f)}}
		return stateTab{state, n, "?" + link.Encode(), f.State == state}
	}
	tabs := []stateTab{tab("", all)}
	for _, s := range jobs.States() {
		tabs = append(tabs, tab(string(s), counts[string(s)]))
	}
	return tabs
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
