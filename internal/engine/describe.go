package engine

import (
	"fmt"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// Describe puts a definition into the words of the API.
func Describe(d *jobs.Definition) client.Type {
	return client.Type{
		Name: d.Name, Summary: d.Summary, Version: d.Version(), Queue: d.Queue, MaxRetries: d.MaxRetries,
		Timeout: client.Duration(d.Timeout), Retention: client.Duration(d.Retention),
		Backoff: client.Backoff{
			Initial: client.Duration(d.Backoff.Initial), Max: client.Duration(d.Backoff.Max),
			Factor: d.Backoff.Factor, Jitter: d.Backoff.Jitter,
		},
		Schema: d.Payload.JSON(), ResultSchema: d.Result, Examples: d.Examples,
	}
}

// define reads an announced type back into a definition.
func define(t client.Type) (*jobs.Definition, error) {
	if why := jobs.CheckType(t.Name); why != "" {
		return nil, fmt.Errorf("announced type %q: %s", t.Name, why)
	}
	schema, err := jobs.CompileSchema(t.Schema)
	if err != nil {
		return nil, fmt.Errorf("announced type %q: %w", t.Name, err)
	}
	return &jobs.Definition{
		Name: t.Name, Summary: t.Summary, Queue: t.Queue, MaxRetries: t.MaxRetries,
		Timeout: time.Duration(t.Timeout), Retention: time.Duration(t.Retention),
		Backoff: jobs.Backoff{
			Initial: time.Duration(t.Backoff.Initial), Max: time.Duration(t.Backoff.Max),
			Factor: t.Backoff.Factor, Jitter: t.Backoff.Jitter,
		},
		Payload: schema, Result: t.ResultSchema, Examples: t.Examples,
	}, nil
}
