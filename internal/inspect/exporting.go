package inspect

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// ExportFile is a file that has its name only once it is whole.
type ExportFile interface {
	Append(lines [][]byte) error
	// Commit gives the file its name and returns its path.
	Commit() (string, error)
	// Discard removes what there is of a file that was not committed.
	Discard()
}

// exportRun is the file of an export, and what is in it. A process that takes an export
// over begins it anew: its lines are of one walk, none comes twice and none is missing.
type exportRun struct {
	file  ExportFile
	seed  maphash.Seed
	seen  map[uint64]bool    // hashes of the jobs that were looked at
	count map[string]*counts // by shard
}

// checkExport refuses an export that this process could not write, before it is noted.
func (a *Actions) checkExport(r client.ActionRequest) error {
	if r.Action != client.ActionExport || r.DryRun {
		return nil
	}
	file, err := a.o.Export("check")
	switch {
	case err != nil:
		return fileError(err)
	case file == nil:
		return jobs.Errorf(jobs.CodeConflict, "the server has no directory for exports: set dead_letters.archive_dir, or write to your own machine with legwork jobs export (GET /v1/jobs/export)")
	}
	file.Discard()
	return nil
}

// lacksDirectory reports whether this process cannot run the action, for want of a
// directory.
func (a *Actions) lacksDirectory(o *order) bool {
	if o.Action != client.ActionExport || o.DryRun {
		return false
	}
	file, err := a.o.Export("check")
	if file != nil {
		file.Discard()
	}
	return err == nil && file == nil
}

// exportAll writes every job that the order selects to one file.
func (r *run) exportAll(ctx context.Context) error {
	file, err := r.Actions.o.Export(fmt.Sprintf("export-%s-%s", r.o.created.UTC().Format("20060102T150405Z"), r.o.id))
	switch {
	case err != nil:
		return fileError(err)
	case file == nil:
		return jobs.Errorf(jobs.CodeConflict, "the server's directory for exports is no longer configured")
	}
	defer file.Discard()
	r.export = &exportRun{file: file, seed: maphash.MakeSeed(), seen: map[uint64]bool{}, count: map[string]*counts{}}
	for shard, s := range r.sites {
		s.place = 0
		r.export.count[shard] = &counts{}
		if err := r.noteExport(ctx, shard); err != nil {
			return err
		}
	}
	if err := r.eachJob(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := file.Commit()
	if err != nil {
		return fileError(err)
	}
	r.files = []string{path}
	return nil
}

// fileError is an error of the file's disk. It does not wrap the cause: one of the
// system's errors would pass for Redis being away, and the action be tried again for ever.
func fileError(err error) error {
	return jobs.Errorf(jobs.CodeConflict, "the export cannot be written: %s", err.Error())
}

// fresh reports whether the job was not looked at before: a walk may come to a job of a
// list again. Two jobs with one hash of 64 bits are less likely than a broken disk.
func (x *exportRun) fresh(s *sight) bool {
	var h maphash.Hash
	h.SetSeed(x.seed)
	_, _ = h.WriteString(s.shard)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(s.id)
	sum := h.Sum64()
	was := x.seen[sum]
	x.seen[sum] = true
	return !was
}

// exportLot writes some jobs as they are now.
func (r *run) exportLot(ctx context.Context, some []*sight) error {
	x := r.export
	byShard := map[string][]string{}
	for _, s := range some {
		if x.count[s.shard] == nil || !x.fresh(s) {
			continue
		}
		ids := byShard[s.shard]
		if _, skip := r.o.decide(s, r.o.created); skip == "" {
			ids = append(ids, s.id)
		} else {
			x.count[s.shard].skip(skip, 1)
		}
		byShard[s.shard] = ids
	}
	for shard, ids := range byShard {
		for chunk := range slices.Chunk(ids, exportMany) {
			lines, err := r.lines(ctx, shard, chunk)
			if err != nil {
				return wrap("read jobs for an export", err)
			}
			if err := x.file.Append(lines); err != nil {
				return fileError(err)
			}
			x.count[shard].Done += len(lines)
			x.count[shard].skip(skipNotFound, len(chunk)-len(lines))
		}
		if err := r.noteExport(ctx, shard); err != nil {
			return err
		}
	}
	return nil
}

// noteExport tells how many jobs of the shard are in the file.
func (r *run) noteExport(ctx context.Context, shard string) error {
	c := r.export.count[shard]
	values := []any{int(actionKept.Seconds()), "", "", "done", c.Done, "skipped:" + skipNotFound, c.Skipped[skipNotFound]}
	return wrap("note the progress of the export", r.write.Run(ctx, r.redis, []string{store.KeysOf(shard).Progress(r.o.id)}, values...).Err())
}
