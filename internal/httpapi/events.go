package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"legwork/client"
	"legwork/jobs"
)

// typeEvents is the media type of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
const typeEvents = "text/event-stream"

// Defaults of [StreamOptions].
const (
	// StreamsDefault is what looking after quiet jobs may cost: 1,000 streams are
	// 2,000 small reads a second, some hundredths of what a Redis can do.
	StreamsDefault = 1000
	// StreamPingDefault is well below the minute after which proxies commonly give up
	// on a connection that is quiet.
	StreamPingDefault = 15 * time.Second
	// StreamWriteDefault is for a reader on a slow line, not for one that does not read.
	StreamWriteDefault = 10 * time.Second
)

// StreamOptions bound the streams of events that a process serves.
type StreamOptions struct {
	// Most is how many there may be at a time. Defaults to [StreamsDefault].
	Most int
	// Ping is how often a quiet stream has a comment. Defaults to [StreamPingDefault].
	Ping time.Duration
	// Write is how long one event may take to be sent. Defaults to [StreamWriteDefault].
	Write time.Duration
}

func (o *StreamOptions) fill() {
	if o.Most == 0 {
		o.Most = StreamsDefault
	}
	if o.Ping == 0 {
		o.Ping = StreamPingDefault
	}
	if o.Write == 0 {
		o.Write = StreamWriteDefault
	}
}

// streams counts the streams under way.
type streams struct{ n atomic.Int64 }

// enter takes a place, if one is left, until leave is called.
func (s *streams) enter(most int) (leave func(), ok bool) {
	leave = func() { s.n.Add(-1) }
	if s.n.Add(1) > int64(most) {
		leave()
		return nil, false
	}
	return leave, true
}

type eventsInput struct {
	ID    string `path:"id" doc:"Job id"`
	After string `header:"Last-Event-ID" doc:"Go on after the event with this id, wherever it was sent from; the whole log when left out"`
}

func (s *server) registerEvents(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "follow-job", Method: http.MethodGet, Path: "/v1/jobs/{id}/events", Tags: []string{"Jobs"},
		Summary: "Follow a job",
		Description: "The job's log from its beginning, its progress and its states as server-sent events, through all of its attempts until it is completed, archived or deleted, which the last event tells. " +
			"A stream that ends without one was cut off: go on with Last-Event-ID, and no event is lost or comes twice. A quiet stream has a comment every 15 s. " +
			"While Redis is away the stream waits, and then goes on.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The events, in their order", Content: map[string]*huma.MediaType{typeEvents: {Schema: eventSchema(api.OpenAPI().Components.Schemas)}}},
			"204": {Description: "The event named by Last-Event-ID was the last one"},
		},
		Errors: []int{404, 422, 503},
	}, func(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { s.follow(humaecho.Unwrap(ctx), in) }}, nil
	})
}

// eventSchema describes a stream as the list of its events, each with the fields that
// its lines have and its data decoded.
func eventSchema(registry huma.Registry) *huma.Schema {
	event := func(name, what string, data any) *huma.Schema {
		return &huma.Schema{
			Type: huma.TypeObject, Title: "Event " + name, Description: what,
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeString, Description: "Place to go on after, as Last-Event-ID"},
				"event": {Type: huma.TypeString, Enum: []any{name}},
				"data":  registry.Schema(reflect.TypeOf(data), true, ""),
			},
			Required: []string{"id", "event", "data"},
		}
	}
	return &huma.Schema{Type: huma.TypeArray, Title: "Server-sent events", Items: &huma.Schema{OneOf: []*huma.Schema{
		event(client.EventLog, "A line of the job's log", client.LogLine{}),
		event(client.EventProgress, "The handler has reported progress", client.Progress{}),
		event(client.EventState, "The job is in another state, or begins another attempt", client.StateChange{}),
		event(client.EventEnd, "The job has ended; nothing follows", client.JobEnd{}),
	}}}
}

func errStreams() error {
	return jobs.Errorf(jobs.CodeUnavailable, "this server has no room for another stream; try again, or read the log with /logs")
}
