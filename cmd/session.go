package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"legwork/client"
)

// session is one run of the command line: its environment, the flags that all
// commands share, and the connection to the server.
type session struct {
	env     *environment
	server  string
	apiKey  string
	asJSON  bool
	started bool // a command's own code has begun; errors before it are wrong usage
	http    *http.Client
	tape    *tape // the transport of http with --json, else nil
}

func newSession(env *environment) *session {
	return &session{env: env, http: client.NewHTTPClient()}
}

// close gives up idle connections.
func (s *session) close() { s.http.CloseIdleConnections() }

// address is the server's URL: flag, environment, default.
func (s *session) address() string {
	if s.server != "" {
		return s.server
	}
	if set := s.env.getenv("LEGWORK_API_URL"); set != "" {
		return set
	}
	return client.BaseURLDefault
}

// connect returns a client of the server. It makes no call yet. A command calls
// it once.
func (s *session) connect() (*client.Client, error) {
	if s.asJSON {
		s.tape = &tape{next: s.http.Transport}
		s.http.Transport = s.tape
	}
	return s.dial()
}

// connectFor is connect for a call about one job or action, whose ID must be given.
func (s *session) connectFor(id string) (*client.Client, error) {
	if id == "" {
		return nil, usagef("the ID is empty")
	}
	return s.connect()
}

// dial is connect without the tape, for answers that are not to be kept.
func (s *session) dial() (*client.Client, error) {
	key := s.apiKey
	if key == "" {
		key = s.env.getenv("LEGWORK_API_KEY")
	}
	api, err := client.New(client.Options{
		BaseURL: s.address(), APIKey: key, HTTPClient: s.http, UserAgent: "legwork-cli/" + readBuild().Version,
	})
	if err != nil {
		return nil, withExit(exitConfig, fmt.Errorf("server and key come from --server or LEGWORK_API_URL and --api-key or LEGWORK_API_KEY: %w", err))
	}
	return api, nil
}

// show prints the answer just received: as it came with --json, else as human
// writes it.
func (s *session) show(human func(w io.Writer) error) error {
	if s.asJSON {
		return s.printJSON(s.tape.answer.Bytes())
	}
	return human(s.env.stdout)
}

// printJSON prints one JSON value: indented on a terminal, else in one line.
func (s *session) printJSON(raw []byte) error { return s.env.printJSON(raw) }

func (e *environment) printJSON(raw []byte) error {
	var out bytes.Buffer
	var err error
	if e.isTerminal(e.stdout) {
		err = json.Indent(&out, bytes.TrimSpace(raw), "", "  ")
	} else {
		err = json.Compact(&out, raw)
	}
	if err != nil {
		return fmt.Errorf("print the answer as JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(e.stdout)
	return err
}

// say tells people something, on stderr.
func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintln(s.env.stderr, cleanLines(fmt.Sprintf(format, args...)))
}

// tape is a transport that keeps the body of the last answer, so that it can be
// printed as it came. It serves one call at a time.
type tape struct {
	next   http.RoundTripper
	answer bytes.Buffer
}

// RoundTrip implements [http.RoundTripper].
func (t *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	t.answer.Reset()
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, &t.answer), resp.Body}
	return resp, nil
}

// CloseIdleConnections is called by [http.Client.CloseIdleConnections].
func (t *tape) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}
