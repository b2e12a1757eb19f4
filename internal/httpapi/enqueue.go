package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/jobs"
)

// request gives a handler the raw request: the hot calls read and check the body
// themselves, which costs a third of what huma's own decoding does.
type request struct {
	raw    *http.Request
	answer http.ResponseWriter
}

// Resolve is called by huma before the handler.
func (r *request) Resolve(ctx huma.Context) []error {
	c := humaecho.Unwrap(ctx)
	r.raw, r.answer = c.Request(), c.Response().Writer
	return nil
}

type enqueueInput struct {
	request
	Prefer string `header:"Prefer" doc:"wait=N waits up to N seconds (at most 60) for the job to end, and answers 200 with the ended job, or 202 when it has not" example:"wait=10"`
}

type enqueueOutput struct {
	Status     int
	Location   string `header:"Location"`
	Preference string `header:"Preference-Applied"`
	Body       *client.Job
}

type batchOutput struct{ Body client.BatchResult }

func (s *server) registerEnqueue(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	huma.Register(api, huma.Operation{
		OperationID: "enqueue", Method: http.MethodPost, Path: "/v1/jobs", Tags: []string{"Jobs"},
		Summary: "Enqueue a job", DefaultStatus: http.StatusAccepted,
		Description: "Answers once the job is stored. From then on it runs at least once.",
		Responses:   map[string]*huma.Response{"200": {Description: "Prefer: wait was sent and the job has ended", Content: jsonContent(registry, client.Job{})}},
		Errors:      []int{400, 409, 413, 415, 422, 503},
		Middlewares: huma.Middlewares{s.serveEnqueue},
	}, s.enqueue)
	huma.Register(api, huma.Operation{
		OperationID: "enqueue-batch", Method: http.MethodPost, Path: "/v1/jobs/batch", Tags: []string{"Jobs"},
		Summary:     "Enqueue many jobs",
		Description: "Every job is judged on its own: good ones are enqueued, bad ones are listed with the status and problem that each alone would have got.",
		Errors:      []int{400, 413, 415, 422, 503},
	}, s.enqueueBatch)
	batch := jsonContent(registry, client.Batch{})
	batch[typeNDJSON] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Description: "One job per line"}}
	describeBody(api, "/v1/jobs", jsonContent(registry, client.Enqueue{}))
	describeBody(api, "/v1/jobs/batch", batch)
}

// describeBody documents the body of a call. Doing so at registration would
// make huma read and decode the body itself.
func describeBody(api huma.API, path string, content map[string]*huma.MediaType) {
	api.OpenAPI().Paths[path].Post.RequestBody = &huma.RequestBody{Required: true, Content: content}
}

// describeOptionalBody is [describeBody] of a body that may be left out.
func describeOptionalBody(api huma.API, path string, content map[string]*huma.MediaType) {
	describeBody(api, path, content)
	api.OpenAPI().Paths[path].Post.RequestBody.Required = false
}

// jsonContent documents a JSON body of the example's type.
func jsonContent(registry huma.Registry, example any) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{typeJSON: {Schema: registry.Schema(reflect.TypeOf(example), true, "")}}
}

func (s *server) enqueue(ctx context.Context, in *enqueueInput) (*enqueueOutput, error) {
	wait, err := parsePrefer(in.raw.Header.Values("Prefer"))
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	body, _, err := readBody(in.request, s.BodyLimit, typeJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	var job client.Enqueue
	if err := decode(body, &job); err != nil {
		return nil, s.fail(ctx, err)
	}
	waiter := ""
	if wait > 0 {
		waiter = s.Waiters.ID()
	}
	receipt, err := s.Engine.Enqueue(ctx, job, waiter)
	if err != nil {
		return nil, s.explain(ctx, job.ID, err)
	}
	stored := view(receipt)
	out := &enqueueOutput{Status: http.StatusAccepted, Location: "/v1/jobs/" + receipt.Message.ID, Body: &stored}
	if wait > 0 {
		out.Preference = "wait=" + strconv.Itoa(int(wait/time.Second))
		if ended := s.await(ctx, receipt.Message.ID, wait); ended != nil {
			out.Body = ended
			if ended.Final() {
				out.Status = http.StatusOK
			}
		}
	}
	return out, nil
}

// explain answers a refused job. When its id is taken, the answer tells the
// state of the job that has it.
func (s *server) explain(ctx context.Context, id string, err error) error {
	if jobs.CodeOf(err) != jobs.CodeConflict {
		return s.fail(ctx, err)
	}
	p := newProblem(err)
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	p.Detail = "a job with this id is being enqueued by another request"
	if other, err := s.Inspector.Job(ctx, id); err == nil {
		p.Detail = "a job with this id exists and is " + other.State
		p.State, p.Instance = other.State, "/v1/jobs/"+id
	}
	return p
}

// awaitEvery is how often a waiting caller looks for itself, in case the
// worker's message was lost.
const awaitEvery = time.Second

// await returns the job when it has ended, or as it stands when the wait is
// over; nil when it cannot be read.
func (s *server) await(ctx context.Context, id string, wait time.Duration) *client.Job {
	ended, forget := s.Waiters.Wait(id)
	defer forget()
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(awaitEvery)
	defer look.Stop()
	for {
		job := s.look(ctx, id)
		if job != nil && job.Final() {
			return job
		}
		select {
		case <-ended:
			ended = nil
		case <-look.C:
		case <-over.C:
			return s.look(ctx, id)
		case <-s.Waiters.Released():
			return s.look(ctx, id)
		case <-ctx.Done():
			return job
		}
	}
}

func (s *server) look(ctx context.Context, id string) *client.Job {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	job, err := s.Inspector.Job(ctx, id)
	if err != nil {
		return nil
	}
	return job
}

func view(r *engine.Receipt) client.Job {
	return inspect.View(r.Message, r.Meta, r.State, r.Due)
}
