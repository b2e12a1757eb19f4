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
	boundPage  = 20
	boundIndex = 50
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
			all = append(all, one)
		}
		all = append(all, p)
	}
	for _, state := range []jobs.State{jobs.StateRetry, jobs.StateArchived} {
		p := page{name: "jobs, " + string(state) + ", by type", bound: boundIndex, list: "jobs"}
		for _, name := range types() {
			p.paths = append(p.paths, "/v1/jobs?"+url.Values{"state": {string(state)}, "type": {name}}.Encode())
		}
		all = append(all, p)
	}
	return all, nil
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

// read asks for the page n times, one after the other.
func (s *server) read(ctx context.Context, p page, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		path := p.paths[i%len(p.paths)]
		began := time.Now()
		raw, err := s.get(ctx, path)
		took[i] = time.Since(began)
		if err == nil {
			err = p.holds(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("GET %s: %w", path, err)
		}
	}
	return took, nil
}

// holds reports whether the answer has what it should.
func (p page) holds(raw []byte) error {
	if p.list == "" {
		return nil
	}
	var body map[string]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	if err := json.Unmarshal(body[p.list], &list); err != nil {
		return fmt.Errorf("%s: %w", p.list, err)
	}
	if len(list) < p.least {
		return fmt.Errorf("%d %s, want at least %d", len(list), p.list, p.least)
	}
	return nil
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
