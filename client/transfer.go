package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ErrCutOff is wrapped by the error of an export that ended before its last line, as
// it does when server or connection go away.
var ErrCutOff = errors.New("the export was cut off")

// exportEndMark is what the last line of an export begins with, and no other.
const exportEndMark = `{"complete":`

// Export writes the jobs that pass the filter to w, one [ExportedJob] a line, and
// returns how many. With no state in the filter they are the dead letters; Limit and
// Cursor do not count. It takes as long as ctx lets it. Lines are written whole, also
// before an error: w's own, a [*Problem], or one that wraps [ErrCutOff].
func (c *Client) Export(ctx context.Context, filter JobFilter, w io.Writer) (int, error) {
	filter.Limit, filter.Cursor = 0, ""
	k := call{method: http.MethodGet, path: "/v1/jobs/export", query: filter.Values()}
	req, err := c.request(ctx, k)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", mediaNDJSON+", "+mediaProblem)
	resp, err := c.untimed().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(resp.Body, AnswerMax))
		if err != nil {
			return 0, &url.Error{Op: "read the answer to " + k.method, URL: req.URL.String(), Err: err}
		}
		return 0, (&answer{status: resp.StatusCode, header: resp.Header, body: body}).problem()
	}
	return copyLines(w, resp.Body)
}

// copyLines copies whole lines up to the one that ends an export.
func copyLines(w io.Writer, r io.Reader) (n int, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadBytes('\n')
		switch {
		case err == nil && bytes.HasPrefix(line, []byte(exportEndMark)):
			return n, endOf(line, n)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return n, fmt.Errorf("%w after %d jobs", ErrCutOff, n)
		case err != nil:
			return n, fmt.Errorf("%w after %d jobs: %w", ErrCutOff, n, err)
		}
		if _, err := w.Write(line); err != nil {
			return n, fmt.Errorf("write the export: %w", err)
		}
		n++
	}
}

// endOf judges the last line of an export of which n lines have come.
func endOf(line []byte, n int) error {
	var end ExportEnd
	switch err := json.Unmarshal(line, &end); {
	case err != nil:
		return fmt.Errorf("read the end of the export: %w", err)
	case end.Error != nil:
		return fmt.Errorf("%w after %d jobs: %w", ErrCutOff, n, end.Error)
	case !end.Complete || end.Jobs != n:
		return fmt.Errorf("%w: %d of %d jobs came", ErrCutOff, n, end.Jobs)
	}
	return nil
}

// Import stores the dead letters of an export, which may be gzipped. A nil error means
// that every line was judged, not that all were stored. After an error some may be: to
// import the same again is safe. It takes as long as ctx lets it.
func (c *Client) Import(ctx context.Context, export io.Reader) (*ImportResult, error) {
	long := *c
	long.http = c.untimed()
	result := new(ImportResult)
	if _, err := long.do(ctx, call{method: http.MethodPost, path: "/v1/jobs/import", contentType: mediaNDJSON, stream: export}, result); err != nil {
		return nil, err
	}
	return result, nil
}

// untimed is the HTTP client without a bound on the whole exchange: how long one takes
// is a matter of how many jobs there are.
func (c *Client) untimed() *http.Client {
	long := *c.http
	long.Timeout = 0
	return &long
}
