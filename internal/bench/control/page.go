package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// Bounds of the promise, in milliseconds.
const (
	boundPage   = 20
	boundIndex  = 50
	boundSearch = 1000
)

// searchShare is how many times rarer searches are asked for than other pages, at
// least searchMin times.
const (
	searchShare = 10
	searchMin   = 5
)

// page is something that people ask for.
type page struct {
	name  string
	bound float64  // of the p99, in milliseconds
	paths []string // asked for by turns
	least int      // how many of a list's entries have to come
	list  string   // the member of the answer that is the list; "" when it is none
}

// pages are everything that is promised, with ids and names out of what is there.
func pages(ctx context.Context, api *client.Client) ([]page, error) {
	all := []page{
		{name: "queues", bound: boundPage, paths: []string{"/v1/queues"}, list: "queues", least: len(queues())},
		{name: "a queue", bound: boundPage, paths: queuePaths()},
		{name: "workers", bound: boundPage, paths: []string{"/v1/workers"}, list: "workers", least: 1},
		{name: "stats", bound: boundPage, paths: []string{"/v1/stats"}},
		{name: "failure groups", bound: boundPage, paths: []string{"/v1/failures"}, list: "failures", least: 20},
		{name: "jobs, any state", bound: boundPage, paths: []string{"/v1/jobs"}, list: "jobs", least: 50},
	}
	for _, state := range jobs.States() {
		p := page{name: "jobs, " + string(state), bound: boundPage, paths: []string{"/v1/jobs?state=" + string(state)}, list: "jobs"}
		switch state {
		case jobs.StatePending, jobs.StateRetry, jobs.StateArchived:
			p.least = 50
			one, err := byID(ctx, api, state)
			if err != nil {
				return nil, err
			}
			all = append(all, one, whys(one))
		}
		all = append(all, p)
	}
	indexed, err := byIndex(ctx, api)
	return append(append(all, indexed...), searches()...), err
}

func queuePaths() []string {
	var all []string
	for name := range queues() {
		all = append(all, "/v1/queues/"+name)
	}
	return all
}

// byIndex asks for the jobs of each type, and of each failure group that fills a page.
func byIndex(ctx context.Context, api *client.Client) ([]page, error) {
	var all []page
	for _, state := range []jobs.State{jobs.StateRetry, jobs.StateArchived} {
		p := page{name: "jobs, " + string(state) + ", by type", bound: boundIndex, list: "jobs", least: 50}
		for _, name := range types() {
			p.paths = append(p.paths, jobsPath("state", string(state), "type", name))
		}
		all = append(all, p)
	}
	p := page{name: "jobs, archived, by fingerprint", bound: boundIndex, list: "jobs", least: 50}
	for groups, err := range api.FailurePages(ctx, client.FailureFilter{}) {
		if err != nil {
			return nil, err
		}
		for _, g := range groups.Failures {
			if g.Dead >= int64(p.least) {
				p.paths = append(p.paths, jobsPath("state", string(jobs.StateArchived), "fingerprint", g.Fingerprint))
			}
		}
	}
	return append(all, p), nil
}

// searches look through the dead letters.
func searches() []page {
	archived := func(name string, words ...string) page {
		return page{name: "search, " + name, bound: boundSearch, paths: []string{jobsPath(append(words, "state", string(jobs.StateArchived))...)}, list: "jobs"}
	}
	return []page{
		archived("rare word", "error", rareWord),
		archived("absent word", "q", absentWord),
		archived("expression", "error", rareExpression),
		archived("payload", payloadField, rareValue),
	}
}

// jobsPath lists jobs that pass a filter of names and values.
func jobsPath(words ...string) string {
	q := url.Values{}
	for i := 0; i < len(words); i += 2 {
		q.Set(words[i], words[i+1])
	}
	return "/v1/jobs?" + q.Encode()
}

// byID asks for jobs of the state, of every queue.
func byID(ctx context.Context, api *client.Client, state jobs.State) (page, error) {
	p := page{name: "a job, " + string(state), bound: boundPage}
	for queue := range queues() {
		list, err := api.Jobs(ctx, client.JobFilter{State: string(state), Queue: queue})
		if err != nil {
			return p, err
		}
		for _, j := range list.Jobs {
			p.paths = append(p.paths, "/v1/jobs/"+j.ID)
		}
	}
	return p, nil
}

// whys asks why the jobs are not running.
func whys(of page) page {
	p := page{name: "why, " + of.name, bound: of.bound}
	for _, path := range of.paths {
		p.paths = append(p.paths, path+"/why")
	}
	return p
}

// read asks for the page n times, one after the other, and tells how long each took,
// and how many answers had fewer entries than there are.
func (s *server) read(ctx context.Context, p page, n int) (took []time.Duration, short int, err error) {
	for i := range n {
		path := p.paths[i%len(p.paths)]
		began := time.Now()
		raw, err := s.get(ctx, path)
		took = append(took, time.Since(began))
		if err != nil {
			return nil, 0, fmt.Errorf("GET %s: %w", path, err)
		}
		entries, err := p.entries(raw)
		if err != nil {
			return nil, 0, fmt.Errorf("GET %s: %w", path, err)
		}
		if entries < p.least {
			short++
		}
	}
	return took, short, nil
}

// entries counts those of the answer's list.
func (p page) entries(raw []byte) (int, error) {
	if p.list == "" {
		return 0, nil
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil {
		return 0, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body[p.list], &list); err != nil {
		return 0, fmt.Errorf("%s: %w", p.list, err)
	}
	return len(list), nil
}

func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", resp.Status, raw)
	}
	return raw, err
}
