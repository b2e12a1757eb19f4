package httpapi

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"legwork/client"
)

// streamPause is how long one part of a stream may take to be sent or to come. The
// whole of it may take any time.
const streamPause = time.Minute

type exportInput struct {
	State string `query:"state" default:"archived" doc:"Only jobs in this state; an import takes archived ones"`
	FilterInput
}

func (s *server) registerTransfer(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	lines := &huma.MediaType{Schema: &huma.Schema{Type: "string", Description: "One ExportedJob per line, and a last line " + `{"complete": true, "jobs": n}` + "; without it the export was cut off"}}
	jsonContent(registry, client.ExportedJob{})
	jsonContent(registry, client.ExportEnd{})
	huma.Register(api, huma.Operation{
		OperationID: "export-jobs", Method: http.MethodGet, Path: "/v1/jobs/export", Tags: []string{"Jobs"}, Summary: "Export jobs", Middlewares: huma.Middlewares{payloadPaths},
		Description: "Everything that is kept of each job, as it is found: jobs that move meanwhile may be missed or come twice. Compressed when Accept-Encoding says gzip.",
		Responses:   map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{typeNDJSON: lines}}},
		Errors:      []int{422, 503},
	}, func(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { s.export(humaecho.Unwrap(ctx), in) }}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "import-jobs", Method: http.MethodPost, Path: "/v1/jobs/import", Tags: []string{"Jobs"}, Summary: "Import dead letters",
		Description: "Every line is judged on its own. One whose id a job has already is skipped, so that importing the same again does no harm. A line may be as long as http.batch_body_limit; the body may have any length, and be gzipped.",
		Errors:      []int{400, 415, 503},
	}, s.importJobs)
	body := map[string]*huma.MediaType{typeNDJSON: {Schema: &huma.Schema{Type: "string", Description: "One ExportedJob per line"}}}
	body[typeGzip] = body[typeNDJSON]
	describeBody(api, "/v1/jobs/import", body)
}

// exporting is an export on its way out.
type exporting struct {
	c     echo.Context
	w     io.Writer
	zip   *gzip.Writer // nil: not compressed
	begun bool
	jobs  int
}

// export streams. What goes wrong before the first line is a problem like any other;
// later it stands in the last line.
func (s *server) export(c echo.Context, in *exportInput) {
	ctx := c.Request().Context()
	x := &exporting{c: c}
	err := s.Inspector.Export(ctx, in.filter(in.State), x.write)
	if err != nil && !x.begun {
		s.answerProblem(c, s.fail(ctx, err))
		return
	}
	end := client.ExportEnd{Complete: err == nil, Jobs: x.jobs}
	if err != nil {
		if ctx.Err() == nil {
			_ = s.fail(ctx, err) // tells the log
		}
		end.Error = &newProblem(err).Problem
	}
	raw, err := json.Marshal(end)
	if err == nil {
		err = x.send(raw)
	}
	if err == nil && x.zip != nil {
		err = x.zip.Close()
	}
	if err != nil {
		s.log.Debug("export not written", "error", err)
	}
}

// write sends lines on at once, so that a slow reader holds up the export and not the
// server's memory.
func (x *exporting) write(lines [][]byte) error {
	if len(lines) == 0 {
		return nil
	}
	if err := x.send(lines...); err != nil {
		return err
	}
	x.jobs += len(lines)
	return nil
}

func (x *exporting) send(lines ...[]byte) error {
	x.begin()
	connection := http.NewResponseController(x.c.Response())
	_ = connection.SetWriteDeadline(time.Now().Add(streamPause)) // not every server can
	for _, line := range lines {
		for _, part := range [][]byte{line, {'\n'}} {
			if _, err := x.w.Write(part); err != nil {
				return err
			}
		}
	}
	if x.zip != nil {
		if err := x.zip.Flush(); err != nil {
			return err
		}
	}
	return connection.Flush()
}

func (x *exporting) begin() {
	if x.begun {
		return
	}
	x.begun = true
	w := x.c.Response()
	x.w = w
	w.Header().Set(echo.HeaderContentType, typeNDJSON)
	w.Header().Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	if acceptsGzip(x.c.Request().Header.Values(echo.HeaderAcceptEncoding)) {
		w.Header().Set(echo.HeaderContentEncoding, "gzip")
		x.zip = gzip.NewWriter(w)
		x.w = x.zip
	}
	w.WriteHeader(http.StatusOK)
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): named codings count,
// those of weight 0 do not.
func acceptsGzip(headers []string) bool {
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		coding, weight, weighed := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		_, q, _ := strings.Cut(weight, "=")
		n, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighed || err == nil && n > 0
	}
	return false
}
