package inspect

import (
	"context"
	"embed"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// Inspector reads and moves jobs. It is safe for concurrent use.
type Inspector struct {
	redis      redis.UniversalClient
	log        *slog.Logger
	rates      *rates
	transition *redis.Script
	remove     *redis.Script
	claimCopy  *redis.Script
	amend      *redis.Script
	mark       *redis.Script
	restore    *redis.Script
	shed       *redis.Script

	readSet     *redis.Script
	readList    *redis.Script
	settleGroup *redis.Script
	wish        *redis.Script
}

// New returns an inspector over Redis, which it does not close.
func New(c redis.UniversalClient, log *slog.Logger) *Inspector {
	return &Inspector{
		redis: c, log: log, rates: &rates{},
		transition: store.Script(luaFiles, "transition"), remove: store.Script(luaFiles, "delete"), mark: store.Script(luaFiles, "mark"),
		claimCopy: store.Script(luaFiles, "claim"), amend: store.Script(luaFiles, "amend"),
		restore: store.Script(luaFiles, "import"), shed: store.Script(luaFiles, "drop"), settleGroup: store.Script(luaFiles, "settle"),
		wish: store.Script(luaFiles, "wish"), readSet: store.Script(luaFiles, "readset"), readList: store.Script(luaFiles, "readlist"),
	}
}

// wrap gives an error of Redis its code: unavailable when it cannot serve, the
// caller has gone, or somebody has put something else under a key; else internal. Errors that have a code keep it.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*jobs.Error](err); ok {
		return err
	}
	if store.Unavailable(err) || errors.Is(err, context.Canceled) {
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "Redis cannot be reached; try again", Err: err}
	}
	if store.WrongType(err) {
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "cannot " + doing + ": a key of Legwork's in Redis holds something else; see the keys of its queue with TYPE, and rename or delete that one", Err: err}
	}
	return &jobs.Error{Code: jobs.CodeInternal, Message: "cannot " + doing, Err: err}
}
