package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"legwork/configs"
	"legwork/internal/bench"
	"legwork/internal/store"
	"legwork/jobs"
)

// Main is a whole Legwork program with the job types that register adds: its own
// binary with every command. It ends the process.
//
//	func main() {
//		cmd.Main(func(r *jobs.Registry) {
//			jobs.Handle(r, "invoice.send", sendInvoice, jobs.Options{Queue: "billing"})
//		})
//	}
func Main(register func(r *jobs.Registry)) {
	MainWithConfig(func(r *jobs.Registry, _ configs.Config) { register(r) })
}

// MainWithConfig is [Main] for handlers that need the configuration, such as
// those that Legwork ships.
func MainWithConfig(register func(r *jobs.Registry, c configs.Config)) {
	store.LogTo(slog.Default())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, processEnvironment(), os.Environ(), register)
	stop()
	os.Exit(code)
}

// run is MainWithConfig without the process around it.
func run(ctx context.Context, env *environment, environ []string, register func(*jobs.Registry, configs.Config)) int {
	p := &program{env: env, environ: environ, register: register}
	return execute(ctx, env, p.commands()...)
}

// program is what the commands that run Legwork itself share.
type program struct {
	env      *environment
	environ  []string
	register func(*jobs.Registry, configs.Config)
}

// registry returns the program's job types.
func (p *program) registry(c configs.Config) *jobs.Registry {
	r := jobs.NewRegistry()
	p.register(r, c)
	bench.Register(r)
	return r
}

func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{newDev(p), newServe(p), newConfig(p), newDoctor(p)}
}

// say writes a line for people.
func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.env.stderr, format+"\n", args...)
}
