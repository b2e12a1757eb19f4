package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// checker collects what is wrong with a request, field by field.
type checker struct {
	now    time.Time
	fields []jobs.FieldError
}

func (c *checker) fail(pointer, format string, args ...any) {
	c.fields = append(c.fields, jobs.FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) name(pointer, value string, check func(string) string, into *string) {
	if value == "" {
		return
	}
	if why := check(value); why != "" {
		c.fail(pointer, "%s", why)
		return
	}
	*into = value
}

func (c *checker) runAt(r *client.Enqueue) time.Time {
	switch {
	case r.RunAt != nil && r.Delay != nil:
		c.fail("/delay", "cannot be combined with run_at")
	case r.RunAt != nil && r.RunAt.Before(c.now.Add(-runAtPastMax)):
		c.fail("/run_at", "lies more than %s in the past", short(runAtPastMax))
	case r.RunAt != nil && r.RunAt.After(c.now.Add(runAtFutureMax)):
		c.fail("/run_at", "lies more than 10 years ahead")
	case r.RunAt != nil:
		return *r.RunAt
	case r.Delay != nil && *r.Delay < 0:
		c.fail("/delay", "must not be negative")
	case r.Delay != nil && time.Duration(*r.Delay) > runAtFutureMax:
		c.fail("/delay", "is longer than 10 years")
	case r.Delay != nil:
		return c.now.Add(time.Duration(*r.Delay))
	}
	return c.now
}

func (c *checker) deadline(r *client.Enqueue, runAt time.Time) time.Time {
	if r.Deadline == nil {
		return time.Time{}
	}
	switch {
	case !r.Deadline.After(c.now):
		c.fail("/deadline", "has passed")
	case !r.Deadline.After(runAt):
		c.fail("/deadline", "is not after the start of the job")
	case r.Deadline.After(c.now.Add(runAtFutureMax)):
		c.fail("/deadline", "lies more than 10 years ahead")
	}
	return *r.Deadline
}

func (c *checker) timeout(r *client.Enqueue, def *jobs.Definition) time.Duration {
	if r.Timeout == nil {
		return def.Timeout
	}
	d := time.Duration(*r.Timeout)
	if d < jobs.TimeoutMin || d > jobs.TimeoutMax {
		c.fail("/timeout", "must be %s to %s", short(jobs.TimeoutMin), short(jobs.TimeoutMax))
	}
	return d
}

func (c *checker) retention(r *client.Enqueue, def *jobs.Definition, waiter string) time.Duration {
	d := def.Retention
	if r.Retention != nil {
		d = time.Duration(*r.Retention)
		if d != 0 && (d < time.Second || d > jobs.RetentionMax) {
			c.fail("/retention", "must be 0s, or 1s to %s", short(jobs.RetentionMax))
		}
	}
	if waiter != "" {
		d = max(d, waitedRetentionMin)
	}
	return d
}

func (c *checker) retries(r *client.Enqueue, into *int) {
	if r.MaxRetries == nil {
		return
	}
	if *r.MaxRetries < 0 || *r.MaxRetries > jobs.MaxRetriesMax {
		c.fail("/max_retries", "must be 0 to %d", jobs.MaxRetriesMax)
	}
	*into = *r.MaxRetries
}

func (c *checker) headers(r *client.Enqueue) map[string]string {
	if len(r.Headers) > headersMax {
		c.fail("/headers", "has more than %d entries", headersMax)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := r.Headers[name]
		at := "/headers/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		switch {
		case name == "" || len(name) > headerNameMax:
			c.fail(at, "the name must have 1 to %d bytes", headerNameMax)
		case strings.HasPrefix(strings.ToLower(name), "legwork"):
			c.fail(at, `names that begin with "legwork" are reserved`)
		case !printable(name) || strings.ContainsRune(name, ' '):
			c.fail(at, "the name must be printable ASCII without spaces")
		case len(value) > headerValueMax:
			c.fail(at, "has more than %d bytes", headerValueMax)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			c.fail(at, "must not contain control characters")
		}
	}
	return maps.Clone(r.Headers)
}

func (c *checker) tags(r *client.Enqueue) {
	if len(r.Tags) > jobs.TagsMax {
		c.fail("/tags", "has more than %d entries", jobs.TagsMax)
		return
	}
	for i, tag := range r.Tags {
		if why := jobs.CheckTag(tag); why != "" {
			c.fail(fmt.Sprintf("/tags/%d", i), "%s", why)
		}
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// short writes a duration without zero units: 24h rather than 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
