package comparison

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// watch counts the commands that Redis runs within the span: those that clients
// send, and all, with those that scripts run inside. It costs Redis something
// for each, so it is fit for idle systems only. (The MONITOR of go-redis keeps a
// CPU busy, which would spoil what is watched.)
func (p *probe) watch(ctx context.Context, span time.Duration) (sent, all int, err error) {
	o := p.redis.Options()
	conn, err := o.Dialer(ctx, o.Network, o.Addr)
	if err != nil {
		return 0, 0, fmt.Errorf("watch redis: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	lines := bufio.NewReader(conn)
	if o.Password != "" {
		user := o.Username
		if user == "" {
			user = "default"
		}
		if err := ask(conn, lines, "AUTH", user, o.Password); err != nil {
			return 0, 0, err
		}
	}
	if err := ask(conn, lines, "MONITOR"); err != nil {
		return 0, 0, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(span)); err != nil {
		return 0, 0, err
	}
	for {
		line, err := lines.ReadString('\n')
		switch {
		case ctx.Err() != nil:
			return 0, 0, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return sent, all, nil
		case err != nil:
			return 0, 0, fmt.Errorf("watch redis: %w", err)
		}
		all++
		if !strings.Contains(line, " lua] ") {
			sent++
		}
	}
}

// ask sends a command and reads the OK that answers it.
func ask(conn net.Conn, lines *bufio.Reader, words ...string) error {
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(command.String())); err != nil {
		return fmt.Errorf("send %s to redis: %w", words[0], err)
	}
	answer, err := lines.ReadString('\n')
	if err == nil && answer != "+OK\r\n" {
		err = errors.New(strings.TrimSpace(answer))
	}
	if err != nil {
		return fmt.Errorf("redis answers to %s: %w", words[0], err)
	}
	return nil
}
