package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Definition is what the catalog knows of a job type. It is plain data: an API
// process without the handler works from the definition that a worker announced.
type Definition struct {
	Name       string
	Queue      string
	MaxRetries int
	Timeout    time.Duration
	Retention  time.Duration // zero deletes a job as soon as it is done
	Backoff    Backoff
	Summary    string
	Examples   []json.RawMessage
	Payload    *Schema
	Result     json.RawMessage // JSON Schema of the result, for people; null when there is none
}

// Version identifies the payload schema: the first 12 hex digits of its
// SHA-256. Two workers with the same version accept the same payloads.
func (d *Definition) Version() string {
	sum := sha256.Sum256(d.Payload.JSON())
	return hex.EncodeToString(sum[:])[:12]
}

// Type is a registered job type: its definition and its handler.
type Type struct {
	Definition
	run func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)
}

// Run decodes the payload, calls the handler and encodes its result; the result
// is nil when the handler's result type is an empty struct. A payload that does
// not decode and a result that does not encode are permanent errors.
func (t *Type) Run(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	return t.run(ctx, payload)
}

// erase turns a typed handler into one over JSON.
func erase[T, R any](fn func(context.Context, T) (R, error)) func(context.Context, json.RawMessage) (json.RawMessage, error) {
	var zero R
	_, empty := any(zero).(struct{})
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		var in T
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, Permanent(fmt.Errorf("decode payload into %T: %w", in, err))
		}
		out, err := fn(ctx, in)
		if err != nil || empty {
			return nil, err
		}
		raw, err := json.Marshal(out)
		if err != nil {
			return nil, Permanent(fmt.Errorf("encode result %T: %w", out, err))
		}
		return raw, nil
	}
}
