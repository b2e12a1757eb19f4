package configs

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// warnLevelsMax is the most fill levels to warn at.
const warnLevelsMax = 16

// DeadLetters configures what becomes of dead letters in time. As it stands by
// default none is ever deleted.
type DeadLetters struct {
	MaxAge           time.Duration `yaml:"max_age" env:"MAX_AGE" range:"0s..876000h" doc:"how long a dead letter is kept; 0 means for ever"`
	MaxCount         int           `yaml:"max_count" env:"MAX_COUNT" range:"0..1000000000" doc:"dead letters that each queue keeps, the newest; 0 means all"`
	Archive          bool          `yaml:"archive" env:"ARCHIVE" doc:"write dead letters to archive_dir before max_age or max_count delete them"`
	ArchiveDir       string        `yaml:"archive_dir" env:"ARCHIVE_DIR" doc:"directory for what max_age and max_count delete, and for export actions; it must exist"`
	ArchiveFileLimit ByteSize      `yaml:"archive_file_limit" env:"ARCHIVE_FILE_LIMIT" range:"1KiB..16GiB" doc:"size from which on a new file is begun in archive_dir; a new day begins one, too"`
	WarnAt           []int         `yaml:"warn_at" env:"WARN_AT" doc:"numbers of dead letters in a queue that are worth a warning"`
}

// Retains reports whether dead letters are deleted at some time.
func (d DeadLetters) Retains() bool { return d.MaxAge > 0 || d.MaxCount > 0 }

// checkLetters lets nothing be deleted unwritten without the operator's word.
func checkLetters(d DeadLetters) []finding {
	const section = "dead_letters."
	var all []finding
	if d.Retains() && d.Archive && d.ArchiveDir == "" {
		all = append(all, finding{
			fault: &fault{
				problem: section + "max_age and " + section + "max_count delete dead letters, and " + section + "archive_dir does not say where to write them before",
				fix:     "name a directory under " + section + "archive_dir, or set " + section + "archive to false to delete them for good",
			},
			keys: []string{section + "max_age", section + "max_count", section + "archive"},
		})
	}
	if len(d.WarnAt) > warnLevelsMax {
		all = append(all, found(section+"warn_at", &fault{problem: fmt.Sprintf("must have at most %d numbers", warnLevelsMax), fix: "remove some"}))
	}
	for i, n := range d.WarnAt {
		bad := &fault{value: strconv.Itoa(n)}
		switch {
		case n < 1:
			bad.problem, bad.fix = "must be at least 1", "write how many dead letters in one queue are too many, or remove it"
		case slices.Contains(d.WarnAt[:i], n):
			bad.problem, bad.fix = "must have each number once", "remove one of the two"
		default:
			continue
		}
		all = append(all, finding{fault: bad, keys: []string{section + "warn_at"}, part: fmt.Sprintf("[%d]", i)})
	}
	return all
}
