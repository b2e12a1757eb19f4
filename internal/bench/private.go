package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"legwork/internal/store/embedded"
)

// Private is a Redis of a measurement's own, in a temporary directory, with an
// append-only file synced every second.
type Private struct {
	*embedded.Server
	dir string
}

// StartPrivate starts it. Close it, also when ctx has ended.
func StartPrivate(ctx context.Context, log *slog.Logger) (*Private, error) {
	dir, err := os.MkdirTemp("", "legwork-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the private redis: %w", err)
	}
	s, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: log})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Private{Server: s, dir: dir}, nil
}

// Close stops it, or kills it when ctx ends first, and removes its directory. A nil
// Private has nothing to close.
func (p *Private) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return errors.Join(p.Stop(ctx), os.RemoveAll(p.dir))
}
