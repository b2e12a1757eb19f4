// Command program measures the control plane at full size; see package control. It
// prints a table to standard error and the report as JSON to standard output, and
// ends with 1 when a bound is missed, with 2 when it could not measure.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"legwork/internal/bench/control"
)

func main() { os.Exit(run()) }

func run() int {
	o := control.FullOptions()
	flag.IntVar(&o.Pending, "pending", o.Pending, "jobs that wait to run")
	flag.IntVar(&o.Retry, "retry", o.Retry, "jobs that wait for a retry")
	flag.IntVar(&o.Dead, "dead", o.Dead, "dead letters")
	flag.IntVar(&o.Requests, "requests", o.Requests, "how often each page is read")
	flag.IntVar(&o.LiveRate, "live", o.LiveRate, "jobs per second that run beside the bulk retry")
	flag.Parse()
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := control.Run(ctx, o, func(step string) { _, _ = fmt.Fprintln(os.Stderr, step) })
	if err == nil {
		err = show(report)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if missed := report.Missed(); len(missed) > 0 {
		_, _ = fmt.Fprintln(os.Stderr, "missed: "+strings.Join(missed, "; "))
		return 1
	}
	return 0
}

func show(r *control.Report) error {
	if err := r.Print(os.Stderr); err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
