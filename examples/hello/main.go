// Command hello is a whole Legwork program of its own: the binary with every
// command, and one job type.
package main

import (
	"context"

	"legwork/cmd"
	"legwork/jobs"
)

type Guest struct {
	Name string `json:"name" jsonschema:"minLength=1"`
}

func greet(_ context.Context, g Guest) (string, error) { return "Hello, " + g.Name + "!", nil }

func main() {
	cmd.Main(func(r *jobs.Registry) { jobs.Handle(r, "hello.greet", greet, jobs.Options{}) })
}
