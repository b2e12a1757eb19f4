package inspect

import (
	"context"
	"maps"
	"slices"

	"legwork/client"
)

// exportMany is how many jobs an export reads before it hands them on.
const exportMany = 100

// Export yields the lines of an export (see [client.ExportedJob]) of all jobs that pass
// the filter, in the manner of [Inspector.Jobs] and some at a time. Of the filter,
// Limit and Cursor do not count. An error of yield ends it and is returned as it is;
// others are *[jobs.Error]s: invalid_request, unavailable or internal.
func (i *Inspector) Export(ctx context.Context, f client.JobFilter, yield func(lines [][]byte) error) error {
	f.Limit, f.Cursor = exportMany, ""
	m, err := newMatcher(f)
	if err != nil {
		return err
	}
	sections, err := i.open(ctx, m)
	if err != nil {
		return err
	}
	e := &exporting{Inspector: i, yield: yield, ids: map[string][]string{}}
	for _, s := range sections {
		s.strict = true
		if err := e.section(ctx, m, s); err != nil {
			return err
		}
	}
	return e.flush(ctx)
}

// exporting gathers ids until their jobs are read whole and handed on.
type exporting struct {
	*Inspector
	yield func(lines [][]byte) error
	ids   map[string][]string // by shard
	n     int
}

func (x *exporting) section(ctx context.Context, m *matcher, s *section) error {
	if err := x.lookUp(ctx, m, s); err != nil {
		return wrap("list jobs for an export", err)
	}
	for some, err := range x.scan(ctx, s, exportMany) {
		if err != nil {
			return wrap("list jobs for an export", err)
		}
		for _, e := range some {
			if !m.wants(e, s.state) {
				continue
			}
			x.ids[e.lane.shard] = append(x.ids[e.lane.shard], e.id)
			if x.n++; x.n < exportMany {
				continue
			}
			if err := x.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporting) flush(ctx context.Context) error {
	for _, shard := range slices.Sorted(maps.Keys(x.ids)) {
		lines, err := x.lines(ctx, shard, x.ids[shard])
		if err != nil {
			return wrap("read jobs for an export", err)
		}
		if err := x.yield(lines); err != nil {
			return err
		}
	}
	x.ids, x.n = map[string][]string{}, 0
	return nil
}
