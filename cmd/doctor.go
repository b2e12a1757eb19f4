package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/doctor"
	"legwork/internal/store"
)

// doctorTimeout bounds an examination as a whole.
const doctorTimeout = 30 * time.Second

func newDoctor(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine your Redis and the jobs in it, and say what to do",
		Long: `Examine the Redis that serve would use, and the jobs in it. Nothing is changed.
Each check has a code, a level and, where there is something to do, what:

  fail   jobs can be lost or do not run
  warn   works, but something may go wrong or already hurts
  ?      not known: Redis does not say, as managed ones may not; says why
  ok     nothing to do

What an ok says:

` + doctorCodes() + `
Lists and keys are sampled where there are many; the findings say how far they
looked. It ends with 1 after a failure, else with 8 after a warning, else with 0;
with 4 when Redis cannot be reached. What is not known counts as neither.

--json prints one value: level, checked_at, took_ms, counts by level ("unknown"
for ?), and findings, each with code, level, value and, where there are any,
nodes, remedy, examples and refuses_start (serve does not start like this).`,
		Example: `  legwork doctor --redis-url redis://127.0.0.1:6379/0
  legwork doctor --config /etc/legwork/legwork.yaml --json
  legwork doctor --redis-url unix://$PWD/.legwork/redis.sock   # of legwork dev`,
		Args: wants(0, 0, "no arguments"),
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c, p.environ, nil)
		if err != nil {
			return err
		}
		report, err := examine(c.Context(), cfg)
		if err != nil {
			return err
		}
		return p.conclude(c, report, store.Redact(cfg.Redis.URL))
	}
	return c
}

// conclude prints the report and turns its level into an exit code.
func (p *program) conclude(c *cobra.Command, report *doctor.Report, where string) error {
	asJSON, err := c.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		err = p.printReportJSON(report)
	} else {
		err = p.printReport(report, where)
	}
	if code := exitOfReport(report); err == nil && code != exitOK {
		return withExit(code, nil) // the report has said why
	}
	return err
}

// doctorCodes lists the codes for the help text.
func doctorCodes() string {
	var list strings.Builder
	for _, c := range doctor.Codes() {
		fmt.Fprintf(&list, "  %-17s %s\n", c.Name, c.About)
	}
	return list.String()
}

func examine(ctx context.Context, cfg configs.Config) (report *doctor.Report, err error) {
	if cfg.Redis.URL == configs.RedisEmbedded {
		socket, _ := filepath.Abs(filepath.Join(devDir, "redis.sock"))
		return nil, withExit(exitConfig, fmt.Errorf("redis.url is %q, which is inside legwork dev; give that of the Redis to examine, for a legwork dev in this directory unix://%s", configs.RedisEmbedded, socket))
	}
	c, err := app.OpenRedis(cfg.Redis)
	if err != nil {
		return nil, withExit(exitConfig, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	d := doctor.New(doctor.Options{Redis: c, Strict: cfg.Redis.Durability == configs.DurabilityStrict, FullAt: cfg.Redis.FullAt, LetterLevels: cfg.DeadLetters.WarnAt})
	return d.Examine(ctx), nil
}

func exitOfReport(r *doctor.Report) exitCode {
	switch {
	case r.Unreachable():
		return exitUnreachable
	case r.Level == doctor.LevelFail:
		return exitFailure
	case r.Level == doctor.LevelWarn:
		return exitWarned
	}
	return exitOK
}

func (p *program) printReportJSON(r *doctor.Report) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	return p.env.printJSON(raw)
}
