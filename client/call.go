package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// call is one exchange with the server. The path is escaped already.
type call struct {
	method, path string
	query        url.Values
	prefer       string
	contentType  string
	body         []byte
	stream       io.Reader // in place of body; such a call cannot be repeated
	repeatable   bool
}

// do makes the call, repeats it as far as it may, and decodes a good answer
// into out unless that is nil. It reports whether the call was repeated.
func (c *Client) do(ctx context.Context, k call, out any) (repeated bool, err error) {
	for try := 0; ; try++ {
		err = c.once(ctx, k, out)
		wait, again := c.repetition(ctx, k, try, err)
		if !again {
			return try > 0, err
		}
		if stopped := pause(ctx, wait); stopped != nil {
			return try > 0, fmt.Errorf("%w while waiting to repeat after: %w", stopped, err)
		}
	}
}

func (c *Client) once(ctx context.Context, k call, out any) error {
	a, err := c.exchange(ctx, k)
	if err != nil {
		return err
	}
	if !a.good() {
		return a.problem()
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("decode the answer to %s %s: %w", k.method, k.path, err)
	}
	return nil
}

// exchange sends the call once and reads the whole answer, whatever its status.
func (c *Client) exchange(ctx context.Context, k call) (*answer, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, AnswerMax+1))
	if err != nil {
		return nil, &url.Error{Op: "read the answer to " + k.method, URL: req.URL.String(), Err: err}
	}
	if len(body) > AnswerMax {
		return nil, fmt.Errorf("the answer to %s %s is larger than %d MiB; ask for fewer at a time", k.method, k.path, AnswerMax>>20)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	address := c.base + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	body := k.stream
	if body == nil && k.body != nil {
		body = bytes.NewReader(k.body)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("prepare %s %s: %w", k.method, k.path, err)
	}
	req.Header.Set("Accept", "application/json, "+mediaProblem)
	req.Header.Set("User-Agent", c.userAgent)
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	if k.contentType != "" {
		req.Header.Set("Content-Type", k.contentType)
	}
	if k.prefer != "" {
		req.Header.Set("Prefer", k.prefer)
	}
	return req, nil
}

// segment escapes a name for use as one part of a path. Dots on their own are
// escaped too, since "." and ".." would lead to another path.
func segment(what, name string) (string, error) {
	switch name {
	case "":
		return "", fmt.Errorf("the %s is empty", what)
	case ".", "..":
		return strings.ReplaceAll(name, ".", "%2E"), nil
	}
	return url.PathEscape(name), nil
}

// encode is json.Marshal without the escaping of <, > and &, which would make
// a payload longer than its author wrote it.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
