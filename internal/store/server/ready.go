package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// readyTimeout bounds the wait for the first answer of a server. One that
	// answers that it is loading its data may take as long as it needs.
	readyTimeout = 10 * time.Second
	pollEvery    = 5 * time.Millisecond
)

// DialFunc connects to the server.
type DialFunc func(context.Context) (net.Conn, error)

// WaitReady returns nil once the server answers PING. It returns an error, with
// the end of the server's log, if the process ends, does not answer within
// [readyTimeout], or ctx ends.
func (p *Process) WaitReady(ctx context.Context, dial DialFunc) error {
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	for {
		reply, err := p.Ask(ctx, dial, "PING")
		switch {
		case reply == "PONG":
			return nil
		case errors.Is(err, ErrReply):
			timeout.Reset(readyTimeout)
		}
		select {
		case <-time.After(pollEvery):
		case <-p.done:
			return fmt.Errorf("it ended at its start: %w", p.Err())
		case <-timeout.C:
			return fmt.Errorf("%s (pid %d) did not answer within %s%s", p.cmd.Path, p.PID(), readyTimeout, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first answer of %s: %w", p.cmd.Path, context.Cause(ctx))
		}
	}
}

// Ask is [Ask] on a new connection.
func (p *Process) Ask(ctx context.Context, dial DialFunc, command string) (string, error) {
	conn, err := dial(ctx)
	if err != nil {
		return "", err
	}
	return Ask(ctx, conn, command)
}
