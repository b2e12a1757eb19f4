package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"legwork/internal/engine"
	"legwork/internal/inspect"
)

// Options configures the API. All fields but Version, PayloadLimit and Streams are required.
type Options struct {
	Engine    *engine.Engine
	Catalog   *engine.Catalog
	Inspector *inspect.Inspector
	Actions   *inspect.Actions
	Waiters   *engine.Waiters
	Followers *inspect.Followers
	// Streams bounds the streams of events.
	Streams StreamOptions
	// Ping asks Redis for a sign of life.
	Ping func(ctx context.Context) error
	// BodyLimit and BatchBodyLimit bound request bodies, in bytes.
	BodyLimit, BatchBodyLimit int64
	// PayloadLimit bounds the payload of an imported job, in bytes; 0 does not.
	PayloadLimit int
	// BatchLimit bounds the jobs of one batch.
	BatchLimit int
	// RequestTimeout bounds one operation against Redis.
	RequestTimeout time.Duration
	Version        string
	Log            *slog.Logger
}

type server struct {
	Options
	log         *slog.Logger
	unavailable *outage
	streams     streams
}

// New returns the handler of every path of the API: /v1, /openapi.json, /docs,
// /healthz, /readyz and /metrics.
func New(o Options) http.Handler {
	o.Streams.fill()
	s := &server{Options: o, log: o.Log, unavailable: &outage{}}
	e := echo.New()
	e.HTTPErrorHandler = fromEcho(o.Log)
	e.Use(recoverPanics, secure, unescapePath)
	api := humaecho.New(e, humaConfig(o.Version))
	s.registerEnqueue(api)
	s.registerJobs(api)
	s.registerTransfer(api)
	s.registerLogs(api)
	s.registerWhy(api)
	s.registerEvents(api)
	s.registerQueues(api)
	s.registerFailures(api)
	s.registerActions(api)
	s.registerStats(api)
	s.registerTypes(api)
	s.registerWorkers(api)
	s.registerHealth(api)
	describeProblems(api.OpenAPI())
	s.registerDocs(e, api)
	s.registerMetrics(e)
	return headAsGet(e)
}

func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("Legwork", version)
	c.Info.Description = "Background jobs over HTTP: post a typed job, and a worker runs the function registered for its type."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // no $schema member in answers
	c.Transformers = []huma.Transformer{fromHuma}
	c.RejectUnknownQueryParameters = true
	c.Tags = []*huma.Tag{{Name: "Jobs"}, {Name: "Queues"}, {Name: "Failures"}, {Name: "Actions"}, {Name: "Types"}, {Name: "Workers"}, {Name: "Health"}}
	return c
}

// recoverPanics turns a panic of a handler into an error, which becomes a 500
// and a log line with the stack.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

// headAsGet answers HEAD where there is a GET; net/http leaves the body out
// (RFC 9110, section 9.3.2).
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

type headKey struct{}

// onlyHead reports whether nobody will read the body.
func onlyHead(ctx context.Context) bool { return ctx.Value(headKey{}) != nil }

// secure sets the headers that every answer carries.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		return next(c)
	}
}

// unescapePath decodes path parameters that echo leaves as they were sent: those
// of a path with an escaped slash or dot in it.
func unescapePath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath != "" {
			values := slices.Clone(c.ParamValues())
			for i, v := range values {
				if plain, err := url.PathUnescape(v); err == nil {
					values[i] = plain
				}
			}
			c.SetParamValues(values...)
		}
		return next(c)
	}
}

// bounded gives one operation against Redis its end.
func (s *server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.RequestTimeout)
}
