package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
	"legwork/internal/bench"
	"legwork/internal/bench/comparison"
)

// benchTimeout bounds a run in time, unless --timeout says otherwise.
const benchTimeout = 10 * time.Minute

var errBenchLate = errors.New("the bench did not finish within")

// benchOrder is what the flags of bench ask for.
type benchOrder struct {
	bench.Options
	timeout  time.Duration
	anyHost  bool
	engine   bool
	redisURL string
	compare  bool
	only     []string
	scale    float64
}

func newBench(s *session) *cobra.Command {
	o := &benchOrder{Options: bench.DefaultOptions()}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Load a running server and tell how fast it is",
		Long: `Load a running server with jobs of type ` + bench.Type + `, which do nothing, and report:

  enqueued    jobs accepted per second, from the first call to the last answer
  completed   jobs processed per second, from the first call until the last one
  drained     jobs processed per second once the last call was answered, when
              enough of them still waited then
  answer      how long one call took under that load
  pick-up     on the idle system, from a job's acceptance to its handler's start
  end-to-end  on the idle system, from the call to its answer with the result

Each of --rounds rounds first runs --probes jobs one at a time, then hands in
--jobs jobs one by one over --connections connections, and again in batches of
--batch. The report has the median of the rounds, the least and the greatest.

The load goes through the worker that serves --queue, which must be idle, and its
jobs are kept for a minute. Pick-up is read from two clocks, that of the API's
machine and that of the worker's: it means something where they are the same.
Since a load test can bring a server down, servers on other machines are refused
unless --any-host is given.

With --engine no server is needed: the engine and a worker pool run in this
process, without HTTP, on a private Redis of their own or on that of --redis-url,
where they use a queue of their own and remove it at the end.

With --engine --compare the engine is measured beside stock asynq (its client and
server with every setting at its default but the concurrency), each half round in
a process of its own and on an emptied database, the sides in turn. It takes about
a quarter of an hour; --only picks scenarios, --scale 0.01 makes it a quick check
whose figures mean little. --redis-url must then name an empty database. The
figures are the median, the least and the greatest over --rounds rounds (` + strconv.Itoa(comparison.RoundsDefault) + ` by
default), of each side and of the ratio of Legwork to the best of asynq within a
round, and whether the median keeps Legwork's promise where there is one.
LEGWORK_BENCH_PROFILE=<folder> writes the CPU profile of each half round there.

--json prints the rounds and the figures as one JSON value.`,
		Example: `  legwork bench
  legwork bench --jobs 100000 --batch 0 --json
  legwork bench --engine
  legwork bench --engine --compare --only drain,enqueue`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			o.settle(c.Flags().Changed)
			return s.bench(c.Context(), o)
		},
	}
	o.define(c)
	suggest(c, "queue", s.completeQueues())
	return c
}

func (o *benchOrder) define(c *cobra.Command) {
	flags := c.Flags()
	flags.IntVar(&o.Jobs, "jobs", o.Jobs, "jobs of one load, up to "+strconv.Itoa(bench.JobsMax))
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections, or goroutines with --engine, that hand in jobs at the same time")
	flags.IntVar(&o.Batch, "batch", o.Batch, "jobs to a batch; 0 leaves the batches out")
	flags.IntVar(&o.Payload, "payload", o.Payload, "size of a job's payload in `bytes`")
	flags.IntVar(&o.Probes, "probes", o.Probes, "jobs run one at a time on the idle system; 0 leaves them out")
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often everything is measured")
	flags.StringVar(&o.Queue, "queue", o.Queue, "queue that the jobs wait in")
	flags.DurationVar(&o.timeout, "timeout", benchTimeout, "give up after this long")
	flags.BoolVar(&o.anyHost, "any-host", false, "load a server or a Redis on another machine, too")
	flags.BoolVar(&o.engine, "engine", false, "measure the engine in this process, without HTTP")
	flags.StringVar(&o.redisURL, "redis-url", "", "with --engine: `URL` of the Redis to use (default: a private one)")
	flags.BoolVar(&o.compare, "compare", false, "with --engine: measure it beside stock asynq")
	flags.StringSliceVar(&o.only, "only", nil, "with --compare: the `scenarios` to run, of "+strings.Join(comparison.Names(), ", ")+" (default all)")
	flags.Float64Var(&o.scale, "scale", comparison.ScaleDefault, "with --compare: share of the jobs and of the time to observe")
	c.MarkFlagsMutuallyExclusive("engine", "queue")
	for _, name := range []string{"jobs", "connections", "batch", "payload", "probes"} {
		c.MarkFlagsMutuallyExclusive("compare", name)
	}
}

// settle gives a comparison its own defaults.
func (o *benchOrder) settle(given func(flag string) bool) {
	if !o.compare {
		return
	}
	if !given("rounds") {
		o.Rounds = comparison.RoundsDefault
	}
	if !given("timeout") {
		o.timeout = compareTimeout
	}
}

// check refuses what cannot be run, or should not be by accident.
func (o *benchOrder) check(server string) error {
	if err := o.Check(); err != nil {
		return usagef("%s", "--"+strings.ReplaceAll(err.Error(), "\n", "; --"))
	}
	if err := (comparison.Options{Rounds: o.Rounds, Scale: o.scale, Only: o.only}).Check(); err != nil {
		return usagef("--%w", err)
	}
	target := server
	switch {
	case o.timeout <= 0:
		return usagef("--timeout %s: use more than 0s", o.timeout)
	case o.compare && !o.engine:
		return usagef("--compare goes with --engine")
	case !o.compare && (len(o.only) > 0 || o.scale != comparison.ScaleDefault):
		return usagef("--only and --scale go with --engine --compare")
	case o.redisURL != "" && !o.engine:
		return usagef("--redis-url goes with --engine; without it the server's Redis is used")
	case o.engine && o.redisURL == "":
		return nil
	case o.engine:
		target = o.redisURL
	}
	if remote := bench.Remote(target); len(remote) > 0 && !o.anyHost {
		return usagef("%s is not this machine: a load test can bring a server down for everybody who uses it; give --any-host if that is what you want",
			strings.Join(remote, ", "))
	}
	return nil
}

func (s *session) bench(ctx context.Context, o *benchOrder) error {
	if err := o.check(s.address()); err != nil {
		return err
	}
	if o.compare {
		return s.compare(ctx, o)
	}
	return s.timely(ctx, o, "--jobs", func(ctx context.Context, progress func(string)) error {
		report, err := s.measure(ctx, o, progress)
		if err != nil {
			return err
		}
		return s.printReport(report)
	})
}

func (s *session) measure(ctx context.Context, o *benchOrder, progress func(string)) (report *bench.Report, err error) {
	if !o.engine {
		target, err := s.benchServer()
		if err != nil {
			return nil, err
		}
		return bench.Run(ctx, target, o.Options, progress)
	}
	log := slog.New(slog.NewTextHandler(s.env.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	target, err := bench.OpenEngine(ctx, o.redisURL, log)
	if err != nil {
		return nil, withExit(exitOfStart(err), err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	o.Queue = target.Queue()
	return bench.Run(ctx, target, o.Options, progress)
}

// benchServer returns the server to measure. Its calls are not kept for --json
// as those of other commands are.
func (s *session) benchServer() (*bench.Server, error) {
	key := s.apiKey
	if key == "" {
		key = s.env.getenv("LEGWORK_API_KEY")
	}
	api, err := client.New(client.Options{BaseURL: s.address(), APIKey: key, HTTPClient: s.http})
	if err != nil {
		return nil, withExit(exitConfig, err)
	}
	return bench.NewServer(api, s.address(), key)
}

func (s *session) printReport(r *bench.Report) error {
	if s.asJSON {
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
		return s.printJSON(raw)
	}
	s.say("%s", r.Target)
	s.say("%s\n", benchTerms(r.Options))
	for _, note := range r.Notes {
		s.say("note: %s", note)
	}
	return figureTable(r).print(s.env.stdout)
}

func benchTerms(o bench.Options) string {
	return fmt.Sprintf("%d rounds; %d jobs to a load, payload %d bytes, %d connections, %d probes, queue %s",
		o.Rounds, o.Jobs, o.Payload, o.Connections, o.Probes, o.Queue)
}

func figureTable(r *bench.Report) *table {
	t := &table{header: []string{"FIGURE", "UNIT", "MEDIAN", "MIN", "MAX"}, state: -1}
	for _, f := range r.Figures {
		digits := 0
		if f.Unit == "ms" {
			digits = 2
		}
		cell := func(v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) }
		t.add(benchName(f.Name, r.Options.Batch), f.Unit, cell(f.Median), cell(f.Min), cell(f.Max))
	}
	return t
}

// benchName words the name of a figure.
func benchName(name string, batch int) string {
	return strings.NewReplacer(
		"single.", "one by one: ", "batch.", fmt.Sprintf("batches of %d: ", batch),
		"pick_up_ms.", "idle: pick-up ", "end_to_end_ms.", "idle: end-to-end ", "answer_ms.", "answer ",
	).Replace(name)
}
