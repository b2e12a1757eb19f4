package cmd

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newJobsExport(s *session) *cobra.Command {
	var chosen *filterFlags
	var path string
	var remote bool
	b := &bulk{request: client.ActionRequest{Action: client.ActionExport}}
	c := &cobra.Command{
		Use:   "export",
		Short: "Write dead letters, with all that is kept of them, to a file",
		Long: `Write dead letters, or other jobs, with all that is kept of them: payload,
attempts, log, headers and tags, one JSON object per line. legwork jobs import
makes dead letters of them again, in this or another system.

Without --output the lines go to stdout. A file whose name ends with .gz is
compressed. It appears under its name only when it is whole and on disk; one that
exists is left alone. Nothing is deleted.

With --on-server the server writes the file itself, to its dead_letters.archive_dir, in
one action (see legwork actions) that goes on when this command ends. It begins anew
when its process dies, and an aborted one leaves no file.`,
		Example: `  legwork jobs export --queue mail -o mail.ndjson.gz
  legwork jobs export --type email.send --on-server --rate 500/s
  legwork jobs export | legwork jobs import - --server https://other.example.com`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := chosen.read(c, s.env.now())
			if err != nil {
				return err
			}
			if remote {
				return s.exportThere(c, b, filter, path)
			}
			for _, name := range []string{"rate", "dry-run", "detach"} {
				if c.Flags().Changed(name) {
					return usagef("--%s goes with --on-server", name)
				}
			}
			return s.export(c.Context(), filter, path)
		},
	}
	b.conduct(c, "with --on-server: ")
	c.Flags().BoolVar(&remote, "on-server", false, "let the server write the file, on its machine")
	chosen = s.filterBy(c, "archived", "only jobs in this `state`; an import takes archived ones")
	c.Flags().StringVarP(&path, "output", "o", "", "write to this new `file`")
	return c
}

// exportThere has the server write the file.
func (s *session) exportThere(c *cobra.Command, b *bulk, filter client.JobFilter, path string) error {
	if path != "" {
		return usagef("--output names a file here; with --on-server the server names its own")
	}
	if err := b.pace(); err != nil {
		return err
	}
	b.request.Filter = &filter
	return s.attend(c.Context(), b, func(api *client.Client) (*client.Action, error) {
		return api.StartAction(c.Context(), b.request)
	})
}

func (s *session) export(ctx context.Context, filter client.JobFilter, path string) error {
	api, err := s.dial() // without a tape: an export has no end in memory
	if err != nil {
		return err
	}
	if path == "" {
		n, err := api.Export(ctx, filter, s.env.stdout)
		s.say("%d exported", n)
		return err
	}
	n, err := s.exportFile(ctx, api, filter, path)
	if err != nil {
		return err
	}
	if s.asJSON {
		raw, err := json.Marshal(map[string]any{"file": path, "jobs": n})
		if err != nil {
			return err
		}
		return s.printJSON(raw)
	}
	s.say("%d exported to %s", n, path)
	return nil
}

// exportFile writes to a file beside the wanted one, and gives it its name once it is
// whole.
func (s *session) exportFile(ctx context.Context, api *client.Client, filter client.JobFilter, path string) (n int, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s exists; name a new file", path)
		}
		return 0, withExit(exitUsage, err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // for its owner alone
	if err != nil {
		return 0, withExit(exitUsage, err)
	}
	defer func() {
		if err != nil {
			_ = part.Close()
			_ = os.Remove(part.Name())
			err = fmt.Errorf("%w; %s was not written, and no job was touched", err, path)
		}
	}()
	bar := s.newMeter("export", -1)
	defer bar.end()
	n, err = exportTo(ctx, api, filter, metered{part, bar}, strings.HasSuffix(path, ".gz"))
	if err != nil {
		return n, err
	}
	if err = errors.Join(part.Sync(), part.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(part.Name(), path)
}

func exportTo(ctx context.Context, api *client.Client, filter client.JobFilter, w io.Writer, compress bool) (int, error) {
	buffered := bufio.NewWriterSize(w, 256<<10)
	if !compress {
		n, err := api.Export(ctx, filter, buffered)
		if err == nil {
			err = buffered.Flush()
		}
		return n, err
	}
	z := gzip.NewWriter(buffered)
	n, err := api.Export(ctx, filter, z)
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = buffered.Flush()
	}
	return n, err
}

// metered moves a bar with what is written.
type metered struct {
	w   io.Writer
	bar *meter
}

func (m metered) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.bar.add(n)
	return n, err
}

func newJobsImport(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Store the dead letters of an export, or of an archive",
		Long: `Store the dead letters of an export, or of what dead_letters.archive_dir holds,
compressed or not; - reads stdin. They keep their ids, attempts and times of death.

A line whose id a job has already is skipped, so that the same file can be imported
again, after an error too. A line that is no dead letter fails and is told with its
number; then the exit code is 6.`,
		Example: `  legwork jobs import mail.ndjson.gz
  zcat archive/dead-letters-*.ndjson.gz | grep '"queue":"mail"' | legwork jobs import -`,
		Args: wants(1, 1, "one FILE, or - for stdin"),
		RunE: func(c *cobra.Command, args []string) error { return s.importFile(c.Context(), args[0]) },
	}
}

func (s *session) importFile(ctx context.Context, path string) error {
	if path == "" {
		return usagef("the name of the file is empty")
	}
	in, size, err := s.openBatch(path)
	if err != nil {
		return err
	}
	defer in.Close()
	api, err := s.connect()
	if err != nil {
		return err
	}
	bar := s.newMeter("import", size)
	result, err := api.Import(ctx, io.TeeReader(in, metered{io.Discard, bar}))
	bar.end()
	if err != nil {
		return err
	}
	if s.asJSON {
		if err := s.printJSON(s.tape.answer.Bytes()); err != nil {
			return err
		}
	} else {
		s.sayImported(result)
	}
	if result.Failed > 0 {
		return withExit(exitRefused, nil)
	}
	return nil
}

// sayImported tells of failed lines one by one and of the others by their number.
func (s *session) sayImported(r *client.ImportResult) {
	told := 0
	for _, e := range r.Errors {
		if e.Error.Code != client.CodeConflict {
			s.say("line %d: %s", e.Line, &e.Error)
			told++
		}
	}
	if told < r.Failed {
		s.say("%d more lines failed", r.Failed-told)
	}
	text := fmt.Sprintf("%d imported, %d skipped, %d failed", r.Imported, r.Skipped, r.Failed)
	if r.Skipped > 0 {
		text += " (skipped: a job has the id already)"
	}
	s.say("%s", text)
}
