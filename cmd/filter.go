package cmd

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

// filterFlags are the flags that choose jobs.
type filterFlags struct {
	words        string
	values       map[string]*string // by flag
	since, until string
	payload      []string
}

// filterBy gives the command the flags that choose jobs.
func (s *session) filterBy(c *cobra.Command, state, stateUsage string) *filterFlags {
	f := &filterFlags{values: map[string]*string{}}
	flags := c.Flags()
	for name, usage := range map[string]string{
		"queue":       "only jobs in this `queue`",
		"type":        "only jobs of this `type`",
		"tag":         "only jobs with this `tag`",
		"error":       "only jobs whose last error has this `text`, in any case; /between slashes/ a regular expression",
		"fingerprint": "only dead letters and retries of this group of failures, by its `fingerprint`",
		"q":           "only jobs with this `text` in id, type, tags, last error or payload; /between slashes/ a regular expression",
	} {
		f.values[name] = flags.String(name, "", usage)
	}
	f.values["state"] = flags.String("state", state, stateUsage)
	flags.StringVar(&f.since, "since", "", "not before this `time`, RFC 3339, or as long ago as 90m: of death, of completion, when due, or since when a job waits or runs")
	flags.StringVar(&f.until, "until", "", "before this `time`, or as long ago")
	flags.StringArrayVar(&f.payload, "payload", nil, "only jobs with this `path=value` in the payload, such as user.id=7; may be repeated")
	flags.StringVar(&f.words, "filter", "", "all of these in `words`: 'state=archived error=\"timed out\" payload.user.id=7'")
	suggest(c, "state", completeStates())
	suggest(c, "queue", s.completeQueues())
	suggest(c, "type", s.completeTypes())
	return f
}

// read returns the filter of the flags that were given. Times that are durations are
// counted back from now.
func (f *filterFlags) read(c *cobra.Command, now time.Time) (client.JobFilter, error) {
	filter, err := filterOf(f.words)
	if err != nil {
		return filter, err
	}
	set := func(name, value string) {
		if err == nil && value != "" {
			if err = filter.Set(name, value); err != nil {
				err = usagef("--%s: %s", strings.SplitN(name, ".", 2)[0], err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if name == "state" && filter.State != "" && !c.Flags().Changed("state") {
			continue
		}
		set(name, *f.values[name])
	}
	set("since", before(now, f.since))
	set("until", before(now, f.until))
	for _, word := range f.payload {
		path, value, ok := strings.Cut(word, "=")
		if !ok {
			return filter, usagef("--payload %s: use path=value, such as user.id=7", word)
		}
		if err == nil {
			if err = filter.Set("payload."+path, value); err != nil {
				err = usagef("--payload: %s", err)
			}
		}
	}
	return filter, err
}

// filterOf reads the words of a --filter.
func filterOf(words string) (client.JobFilter, error) {
	filter, err := client.ParseFilter(words)
	if err != nil {
		return filter, usagef("--filter: %s", strings.TrimPrefix(err.Error(), "filter: "))
	}
	return filter, nil
}

// before turns a duration into the time that long ago, and leaves all else as it is.
func before(now time.Time, text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return now.Add(-d).Format(time.RFC3339Nano)
}
