package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"legwork/client"
)

// Server is a running Legwork server, measured over HTTP.
type Server struct {
	api *client.Client
	url *url.URL
	key string
}

// NewServer returns the server at the URL. The API key may be empty. It makes no
// call yet.
func NewServer(api *client.Client, baseURL, apiKey string) (*Server, error) {
	u, err := url.Parse(strings.TrimRight(baseURL, "/"))
	if err != nil {
		return nil, fmt.Errorf("server url: %w", err)
	}
	return &Server{api: api, url: u, key: apiKey}, nil
}

// About implements [Target].
func (s *Server) About() string { return "Legwork at " + s.url.String() }

// Mode implements [Target].
func (s *Server) Mode() string { return "http" }

func (s *Server) check(ctx context.Context, o Options) error {
	kind, err := s.api.Type(ctx, Type)
	switch {
	case notFound(err):
		return fmt.Errorf("the server does not know job type %s, which programs of this version of Legwork have: %w", Type, err)
	case err != nil:
		return err
	case kind.Workers == 0:
		return fmt.Errorf("no living worker runs jobs of type %s; one that has just started is known within 5s", Type)
	}
	q, err := s.api.Queue(ctx, o.Queue)
	switch {
	case notFound(err):
		return fmt.Errorf("queue %s: %w", o.Queue, err)
	case err != nil:
		return err
	case q.Weight == 0:
		return fmt.Errorf("no living worker serves queue %s; choose another with --queue", o.Queue)
	}
	return checkQueue(q)
}

func notFound(err error) bool {
	p, ok := errors.AsType[*client.Problem](err)
	return ok && p.Code == client.CodeNotFound
}

func (s *Server) queue(ctx context.Context, name string) (*client.Queue, error) {
	return s.api.Queue(ctx, name)
}

func (s *Server) probe(ctx context.Context, o Options) (sample, error) {
	began := time.Now()
	j, err := s.api.Enqueue(ctx, job(o), client.EnqueueOptions{Wait: probeWait})
	if err != nil {
		return sample{}, err
	}
	return newSample(j, time.Since(began))
}

func (s *Server) senders(ctx context.Context, o Options, per int) ([]sender, func(), error) {
	path, body, err := callOf(o, per)
	if err != nil {
		return nil, nil, err
	}
	raw := request(s.url, path, s.key, body)
	var wires []*wire
	closeAll := func() {
		for _, w := range wires {
			w.close()
		}
	}
	all := make([]sender, 0, o.Connections)
	for range o.Connections {
		w, err := dial(ctx, s.url)
		if err != nil {
			closeAll()
			return nil, nil, s.lost(err)
		}
		wires = append(wires, w)
		all = append(all, func() error { return s.send(w, raw, per) })
	}
	return all, closeAll, nil
}

// callOf returns the path and the body of the call that hands in so many jobs.
func callOf(o Options, per int) (path string, body []byte, err error) {
	if per == 1 {
		body, err = json.Marshal(job(o))
		return "/v1/jobs", body, err
	}
	batch := client.Batch{Jobs: make([]client.Enqueue, per)}
	for i := range batch.Jobs {
		batch.Jobs[i] = job(o)
	}
	body, err = json.Marshal(batch)
	return "/v1/jobs/batch", body, err
}

func (s *Server) send(w *wire, raw []byte, per int) error {
	status, body, err := w.exchange(raw)
	switch {
	case err != nil:
		return s.lost(err)
	case per == 1 && status == http.StatusAccepted:
		return nil
	case per > 1 && status == http.StatusOK && bytes.HasPrefix(body, fmt.Appendf(nil, `{"enqueued":%d,`, per)):
		return nil
	}
	return refusal(status, body)
}

// lost words a failed exchange as [http.Client] would, so that callers need to
// know one form only.
func (s *Server) lost(err error) error { return &url.Error{Op: "Post", URL: s.url.String(), Err: err} }

// refusal reads an answer that is not the expected one.
func refusal(status int, body []byte) error {
	var batch client.BatchResult
	if json.Unmarshal(body, &batch) == nil && batch.Rejected > 0 {
		for _, item := range batch.Results {
			if item.Error != nil {
				return fmt.Errorf("%d of the batch's jobs were refused, the first: %w", batch.Rejected, item.Error)
			}
		}
	}
	p := new(client.Problem)
	if json.Unmarshal(body, p) != nil || p.Code == "" {
		p = &client.Problem{Code: client.CodeUnexpected, Detail: "an answer that is not Legwork's"}
	}
	p.Status = status
	return p
}
