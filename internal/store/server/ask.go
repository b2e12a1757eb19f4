package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// askTimeout bounds one question, unless the context ends sooner.
const askTimeout = time.Second

// ErrReply is wrapped by errors that the server answered.
var ErrReply = errors.New("error reply")

// Ask sends one inline command and returns its reply, a simple or a bulk
// string, then closes the connection. It stands in for go-redis while a server
// may not be there yet, as that reports every failed dial on stderr.
func Ask(ctx context.Context, conn net.Conn, command string) (string, error) {
	defer func() { _ = conn.Close() }()
	deadline := time.Now().Add(askTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(line, "-"):
		return "", fmt.Errorf("%w: %s", ErrReply, line[1:])
	case strings.HasPrefix(line, "$"):
		size, err := strconv.ParseUint(line[1:], 10, 20)
		if err != nil {
			return "", fmt.Errorf("reply %q: %w", line, err)
		}
		body := make([]byte, size)
		_, err = io.ReadFull(r, body)
		return string(body), err
	}
	return strings.TrimPrefix(line, "+"), nil
}
