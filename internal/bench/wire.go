package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// answerMax bounds the body of one answer: a batch of 10,000 jobs, all refused
	// with long problems.
	answerMax = 64 << 20
)

// wire is one kept-alive HTTP/1.1 connection. It writes requests that were
// formatted beforehand and reads as little of the answers as it can, so that on
// a shared machine the load costs a fraction of what the server does with it. It
// serves one exchange at a time.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte      // of the last answer
	forget func() bool // of the context that dial was given
}

// dial connects to the server at u. Once ctx ends every exchange fails.
func dial(ctx context.Context, u *url.URL) (*wire, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	dialer := &net.Dialer{Timeout: dialTimeout}
	var conn net.Conn
	var err error
	if u.Scheme == "https" {
		t := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}}
		conn, err = t.DialContext(ctx, "tcp", addr)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	forget := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return &wire{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10), forget: forget}, nil
}

func (w *wire) close() {
	w.forget()
	_ = w.conn.Close()
}

// exchange sends a request and returns the status and the body of the answer,
// which is valid until the next exchange.
func (w *wire) exchange(request []byte) (status int, body []byte, err error) {
	if _, err := w.conn.Write(request); err != nil {
		return 0, nil, err
	}
	head, err := w.head()
	if err != nil {
		return 0, nil, err
	}
	switch {
	case head.chunked:
		var buf bytes.Buffer
		if _, err := io.Copy(&buf, io.LimitReader(httputil.NewChunkedReader(w.reader), answerMax)); err != nil {
			return 0, nil, err
		}
		w.body = buf.Bytes()
		_, err = w.reader.ReadSlice('\n') // ends the empty trailer
	case head.length < 0 || head.length > answerMax:
		err = errors.New("the answer has no usable length")
	default:
		if cap(w.body) < head.length {
			w.body = make([]byte, head.length)
		}
		w.body = w.body[:head.length]
		_, err = io.ReadFull(w.reader, w.body)
	}
	return head.status, w.body, err
}

// head is what matters of an answer's header.
type head struct {
	status  int
	length  int // -1 when not given
	chunked bool
}

func (w *wire) head() (head, error) {
	line, err := w.line()
	if err != nil {
		return head{}, err
	}
	h := head{length: -1}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return head{}, errors.New("the answer is not HTTP/1.1")
	}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return head{}, fmt.Errorf("the answer's status: %w", err)
	}
	for {
		if line, err = w.line(); err != nil || len(line) == 0 {
			return h, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return head{}, fmt.Errorf("the answer's length: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
		}
	}
}

func (w *wire) line() ([]byte, error) {
	line, err := w.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// request formats a POST of JSON with the given header lines beside its own.
func request(u *url.URL, path, apiKey string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: legwork-bench\r\n", u.EscapedPath(), path, u.Host)
	fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	if apiKey != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", apiKey)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
