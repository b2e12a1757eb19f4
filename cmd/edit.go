package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

// change is what the flags of a command say is to be another of a job.
type change struct {
	payload, to, runAt string
	delay              time.Duration
	maxRetries         int
	front              bool
}

// flags adds the flags; when says of each what it goes with.
func (g *change) flags(c *cobra.Command, when string) {
	f := c.Flags()
	f.StringVar(&g.payload, "payload", "", when+"another payload: `json`, @file, or - for stdin")
	f.StringVar(&g.runAt, "run-at", "", when+"earliest start, an RFC 3339 `time`")
	f.DurationVar(&g.delay, "delay", 0, when+"earliest start from now on, such as `90s`")
	f.IntVar(&g.maxRetries, "max-retries", 0, when+"how often the job is tried again when it fails")
	c.MarkFlagsMutuallyExclusive("run-at", "delay")
}

// given reports whether any of the flags was.
func (g *change) given(c *cobra.Command) bool {
	for _, name := range []string{"payload", "to", "run-at", "delay", "max-retries"} {
		if c.Flags().Changed(name) {
			return true
		}
	}
	return false
}

// edit words the change as the API wants it.
func (g *change) edit(c *cobra.Command, stdin io.Reader) (edit client.JobEdit, err error) {
	edit = client.JobEdit{Queue: g.to, Front: g.front}
	if edit.RunAt, err = instant("run-at", g.runAt); err != nil {
		return edit, err
	}
	if c.Flags().Changed("delay") {
		edit.Delay = new(client.Duration(g.delay))
	}
	if c.Flags().Changed("max-retries") {
		edit.MaxRetries = &g.maxRetries
	}
	if c.Flags().Changed("payload") {
		from := source{given: true, arg: g.payload}
		if path, isFile := strings.CutPrefix(g.payload, "@"); isFile {
			from = source{file: path}
		}
		if edit.Payload, err = from.read(stdin); err == nil && edit.Payload == nil {
			err = usagef("--payload @: name a file")
		}
	}
	return edit, err
}

// retryEdited retries an edited copy of one job.
func (s *session) retryEdited(c *cobra.Command, g *change, ids []string) error {
	if len(ids) != 1 || ids[0] == "-" {
		return usagef("an edit is for one job: give one ID")
	}
	edit, err := g.edit(c, s.env.stdin)
	if err != nil {
		return err
	}
	return s.sendEdit(ids[0], func(api *client.Client) (*client.Job, error) { return api.RetryEdited(c.Context(), ids[0], edit) })
}

func (s *session) sendEdit(id string, send func(*client.Client) (*client.Job, error)) error {
	api, err := s.connectFor(id)
	if err != nil {
		return err
	}
	job, err := send(api)
	if err != nil {
		return err
	}
	return s.showEdited(id, job)
}

// showEdited prints the job, and says when it is a copy.
func (s *session) showEdited(id string, job *client.Job) error {
	return s.show(func(w io.Writer) error {
		if job.ID != id {
			s.say("%s stays as it is; its edited copy is %s in queue %s, %s", id, job.ID, job.Queue, job.State)
		}
		_, err := fmt.Fprintf(w, "%s %s\n", clean(job.ID), clean(job.State))
		return err
	})
}

func newJobsEdit(s *session) *cobra.Command {
	g := &change{}
	c := &cobra.Command{
		Use:   "edit ID",
		Short: "Change a job that waits, or retry an edited copy of one that has ended",
		Long: `Change a job that waits, or retry an edited copy of one that has ended.

Without flags the payload opens in $VISUAL, $EDITOR or vi, and is sent when the editor
ends, if it is another then. When the server refuses it, the text is kept.

A job that waits is changed where it is. A dead letter or a completed job stays as it
is, and its edited copy runs under a new ID; each names the other.`,
		Example: `  legwork jobs edit 0198c0de-9a3b-7c55-8f3e-6f1f7c1b2a3d
  legwork jobs edit 0198c0de-9a3b-7c55-8f3e-6f1f7c1b2a3d --payload @fixed.json --delay 10m`,
		Args: wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			edit, err := g.edit(c, s.env.stdin)
			switch {
			case err != nil:
				return err
			case !g.given(c):
				return s.editByHand(c.Context(), args[0])
			}
			return s.sendEdit(args[0], func(api *client.Client) (*client.Job, error) {
				job, err := api.Job(c.Context(), args[0])
				if err != nil {
					return nil, err
				}
				return applyEdit(c.Context(), api, job, edit)
			})
		},
	}
	g.flags(c, "")
	return c
}

// applyEdit changes the job, or makes a copy of one that has ended.
func applyEdit(ctx context.Context, api *client.Client, job *client.Job, edit client.JobEdit) (*client.Job, error) {
	if job.Final() {
		return api.RetryEdited(ctx, job.ID, edit)
	}
	return api.Edit(ctx, job.ID, edit)
}

// editByHand lets a person edit the job's payload.
func (s *session) editByHand(ctx context.Context, id string) error {
	switch {
	case id == "":
		return usagef("the ID is empty")
	case !s.env.isTerminal(s.env.stdin) || !s.env.isTerminal(s.env.stderr):
		return usagef("an editor needs a terminal; without one give --payload")
	}
	api, err := s.connect()
	if err != nil {
		return err
	}
	job, err := api.Job(ctx, id)
	if err != nil {
		return err
	}
	path, err := s.writeDraft(job)
	if err != nil {
		return err
	}
	text, err := s.runEditor(ctx, path)
	if err != nil {
		return keeping(path, err)
	}
	if bytes.Equal(bytes.TrimSpace(text), bytes.TrimSpace([]byte(pretty(job.Payload)))) || compact(text) == compact(job.Payload) {
		s.say("the payload is unchanged; nothing was sent")
		return os.Remove(path)
	}
	if err := checkJSON(text); err != nil {
		return keeping(path, usagef("the payload is not JSON: %w", err))
	}
	after, err := applyEdit(ctx, api, job, client.JobEdit{Payload: bytes.TrimSpace(text)})
	if err != nil {
		return keeping(path, err)
	}
	return errors.Join(os.Remove(path), s.showEdited(id, after))
}

// keeping tells where the edited text is after an error.
func keeping(path string, err error) error {
	return fmt.Errorf("%w; your text is kept in %s", err, path)
}

// writeDraft puts the payload into a file for its owner alone.
func (s *session) writeDraft(job *client.Job) (string, error) {
	file, err := os.CreateTemp("", "legwork-*.json")
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(file, pretty(job.Payload)+"\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// runEditor opens the file in the person's editor, and returns what it is afterwards.
func (s *session) runEditor(ctx context.Context, path string) ([]byte, error) {
	editor := "vi"
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if set := s.env.getenv(name); set != "" {
			editor = set
		}
	}
	// Like git and kubectl: the variable may hold arguments, and the shell splits it.
	run := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", path) //nolint:gosec // the person's own editor
	run.Stdin, run.Stdout, run.Stderr = s.env.stdin, s.env.stdout, s.env.stderr
	if err := run.Run(); err != nil {
		return nil, withExit(exitUsage, fmt.Errorf("editor %q: %w", editor, err))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, payloadMax)
}
