package inspect

import (
	"context"

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
	sections, err := i.sections(ctx, m, nil)
	if err != nil {
		return err
	}
	for _, s := range sections {
		if err := i.exportSection(ctx, m, s, yield); err != nil {
			return err
		}
	}
	return nil
}

func (i *Inspector) exportSection(ctx context.Context, m *matcher, s *section, yield func(lines [][]byte) error) error {
	ids, n := map[string][]string{}, 0
	flush := func() error {
		for shard, some := range ids {
			lines, err := i.lines(ctx, shard, some)
			if err != nil {
				return wrap("read jobs for an export", err)
			}
			if err := yield(lines); err != nil {
				return err
			}
		}
		ids, n = map[string][]string{}, 0
		return nil
	}
	if err := i.lookUp(ctx, m, s); err != nil {
		return wrap("list jobs for an export", err)
	}
	for {
		if err := i.loadWhole(ctx, s, scanChunk); err != nil {
			return wrap("list jobs for an export", err)
		}
		r, ok := s.next()
		if !ok {
			return flush()
		}
		if r != nil && (r.state != s.state || !m.passes(r)) || r == nil && m.reading {
			continue
		}
		ids[s.at.shard] = append(ids[s.at.shard], s.at.last.ID)
		if n++; n == exportMany {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}
