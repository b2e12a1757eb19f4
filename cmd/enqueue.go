package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

// order is what the flags of enqueue ask for.
type order struct {
	source
	queue, id, runAt, deadline string
	delay, timeout, retention  time.Duration
	maxRetries                 int
	headers, tags              []string
	wait                       time.Duration
	batch                      string
}

func newEnqueue(s *session) *cobra.Command {
	o := new(order)
	c := &cobra.Command{
		Use:   "enqueue TYPE [PAYLOAD]",
		Short: "Hand in a job, or a file of them",
		Long: `Hand in one job and print its ID, or with --batch a file of jobs.

The payload is JSON: an argument, - or --payload-file for a file or stdin, or
made of fields: -f to=ada@example.com for text, -f count:=3 for any JSON.

With --wait the command waits for the job and prints its result instead; it ends
with 1 if the job was archived or has not finished by then.

A batch holds one job per line (NDJSON), in the form of the body of POST /v1/jobs.
It is sent in pieces of up to 10,000 lines and 8 MiB. Each rejected line is reported
by its number, and the command ends with 6 if there was any; --json prints every
line's outcome.`,
		Example: `  legwork enqueue email.send '{"to":"ada@example.com"}'
  legwork enqueue image.thumbnail -f url=https://example.com/a.png -f width:=320 --wait 30s
  legwork enqueue report.build --delay 15m --tag nightly
  legwork enqueue --batch jobs.ndjson`,
		Args:              func(_ *cobra.Command, args []string) error { return o.checkArgs(args) },
		ValidArgsFunction: firstOnly(s.completeTypes()),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("batch") {
				return s.enqueueBatch(c, o)
			}
			return s.enqueue(c, o, args)
		},
	}
	o.define(c)
	suggest(c, "queue", s.completeQueues())
	return c
}

func (o *order) define(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&o.file, "payload-file", "", "read the payload from this `file`; - is stdin")
	flags.StringArrayVarP(&o.fields, "field", "f", nil, "payload field `key=text`, or key:=json; may be repeated")
	flags.StringVar(&o.queue, "queue", "", "queue to wait in (default: the type's)")
	flags.StringVar(&o.id, "id", "", "ID of your choosing (default: a new UUID)")
	flags.StringVar(&o.runAt, "run-at", "", "earliest start, an RFC 3339 `time` such as 2030-01-31T08:00:00Z")
	flags.DurationVar(&o.delay, "delay", 0, "earliest start from now on, such as 90s or 1h30m")
	flags.IntVar(&o.maxRetries, "max-retries", 0, "how often a failed job is tried again (default: the type's)")
	flags.DurationVar(&o.timeout, "timeout", 0, "bound of one attempt (default: the type's)")
	flags.StringVar(&o.deadline, "deadline", "", "no attempt runs beyond this RFC 3339 `time`")
	flags.DurationVar(&o.retention, "retention", 0, "how long the completed job is kept (default: the type's)")
	flags.StringArrayVar(&o.headers, "header", nil, "header `name=value` for the handler; may be repeated")
	flags.StringArrayVar(&o.tags, "tag", nil, "`tag` to find the job by; may be repeated")
	flags.DurationVar(&o.wait, "wait", 0, "wait this long for the job to finish, at most 60s")
	flags.StringVar(&o.batch, "batch", "", "hand in every line of this NDJSON `file`; - is stdin")
	c.MarkFlagsMutuallyExclusive("run-at", "delay")
	for _, other := range []string{
		"payload-file", "field", "queue", "id", "run-at", "delay", "max-retries", "timeout", "deadline",
		"retention", "header", "tag", "wait",
	} {
		c.MarkFlagsMutuallyExclusive("batch", other)
	}
}

func (o *order) checkArgs(args []string) error {
	switch {
	case o.batch != "" && len(args) > 0:
		return usagef("the lines of a batch name their types; leave %q away", args[0])
	case o.batch != "":
		return nil
	case len(args) == 0 || args[0] == "":
		return usagef("name the job's type; `legwork types list` shows them")
	case len(args) > 2:
		return usagef("enqueue takes one type and one payload; %q is too much (is the payload quoted?)", args[2])
	}
	if o.given = len(args) == 2; o.given {
		o.arg = args[1]
	}
	return nil
}

// job words the order as the API wants it. Flags that were not given stay unset.
func (o *order) job(c *cobra.Command, kind string, stdin io.Reader) (job client.Enqueue, err error) {
	job = client.Enqueue{Type: kind, Queue: o.queue, ID: o.id, Tags: o.tags}
	if job.RunAt, err = instant("run-at", o.runAt); err != nil {
		return job, err
	}
	if job.Deadline, err = instant("deadline", o.deadline); err != nil {
		return job, err
	}
	for name, set := range map[string]func(){
		"delay":       func() { job.Delay = new(client.Duration(o.delay)) },
		"timeout":     func() { job.Timeout = new(client.Duration(o.timeout)) },
		"retention":   func() { job.Retention = new(client.Duration(o.retention)) },
		"max-retries": func() { job.MaxRetries = new(o.maxRetries) },
	} {
		if c.Flags().Changed(name) {
			set()
		}
	}
	for _, header := range o.headers {
		name, value, ok := strings.Cut(header, "=")
		if !ok || name == "" {
			return job, usagef("--header %q: want name=value", header)
		}
		if job.Headers == nil {
			job.Headers = map[string]string{}
		}
		job.Headers[name] = value
	}
	job.Payload, err = o.read(stdin)
	return job, err
}

// instant reads the value of a flag that is a time; nil when it was not given.
func instant(flag, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return nil, usagef("--%s %q: want a time such as 2030-01-31T08:00:00Z", flag, value)
	}
	return &at, nil
}

func (s *session) enqueue(c *cobra.Command, o *order, args []string) error {
	if o.wait > client.WaitMax || o.wait < 0 || c.Flags().Changed("wait") && o.wait == 0 {
		return usagef("--wait %s: use more than 0s and at most 60s; `legwork jobs get` looks later", o.wait)
	}
	job, err := o.job(c, args[0], s.env.stdin)
	if err != nil {
		return err
	}
	api, err := s.connect()
	if err != nil {
		return err
	}
	stored, err := api.Enqueue(c.Context(), job, client.EnqueueOptions{Wait: o.wait})
	if err != nil {
		return err
	}
	if o.wait > 0 {
		return s.outcome(stored, o.wait)
	}
	return s.show(func(w io.Writer) error {
		s.say("enqueued %s in queue %s, %s", stored.Type, stored.Queue, stored.State)
		_, err := fmt.Fprintln(w, clean(stored.ID))
		return err
	})
}

// outcome prints what became of a job that was waited for.
func (s *session) outcome(j *client.Job, waited time.Duration) error {
	err := s.show(func(io.Writer) error {
		if len(j.Result) == 0 {
			return nil
		}
		return s.printJSON(j.Result)
	})
	switch {
	case err != nil:
		return err
	case !j.Final():
		return fmt.Errorf("job %s is still %s after %s; `legwork jobs get %s` shows it later", j.ID, j.State, waited, j.ID)
	case j.State == "archived":
		return fmt.Errorf("job %s was archived: %s", j.ID, j.LastError)
	case s.asJSON:
		return nil
	case j.Discarded != "":
		s.say("job %s was discarded: %s", j.ID, j.Discarded)
	default:
		s.say("job %s completed", j.ID)
	}
	return nil
}
