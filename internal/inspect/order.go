package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// idMax is the longest id of a job that an action takes, in bytes.
const idMax = 255

// order is what an action was asked to do.
type order struct {
	client.ActionRequest
	id      string
	created time.Time // by the clock of Redis; jobs that come into a state later are left alone
	due     time.Time // with reschedule
	shards  []string  // there were when it was asked for
}

// verbStates are the states in which an action takes jobs by a filter: those it may
// name, and those it means when it names none.
func verbStates(action string) (may, means []jobs.State) {
	waiting := []jobs.State{jobs.StateScheduled, jobs.StateRetry, jobs.StatePending}
	switch action {
	case client.ActionRetry:
		return []jobs.State{jobs.StateScheduled, jobs.StateRetry, jobs.StateArchived, jobs.StateCompleted}, []jobs.State{jobs.StateArchived, jobs.StateRetry}
	case client.ActionArchive:
		return waiting, waiting
	case client.ActionDelete:
		return append(waiting, jobs.StateArchived, jobs.StateCompleted), nil
	case client.ActionCancel:
		all := append(waiting, jobs.StateActive)
		return all, all
	case client.ActionMove:
		all := append(waiting, jobs.StateArchived)
		return all, all
	case client.ActionReschedule:
		return append(waiting, jobs.StateArchived, jobs.StateCompleted), waiting
	case client.ActionExport:
		return jobs.States(), []jobs.State{jobs.StateArchived}
	}
	return nil, nil
}

// checkOrder returns the request with its ids made unique. The error is a *[jobs.Error]
// that lists everything wrong with it.
func checkOrder(r client.ActionRequest) (client.ActionRequest, error) {
	c := &orderCheck{}
	may, _ := verbStates(r.Action)
	if may == nil {
		c.add("/action", "must be retry, archive, delete, cancel, move, reschedule or export")
	}
	switch {
	case (len(r.IDs) > 0) == (r.Filter != nil):
		c.add("/filter", "give either ids or a filter: what jobs to act on")
	case r.Filter != nil:
		c.filter(&r, may)
	default:
		r.IDs = c.ids(r.IDs)
	}
	if r.Rate < 0 || r.Rate > client.ActionRateMax {
		c.add("/rate", fmt.Sprintf("must be 1 to %d jobs per second, or left out", client.ActionRateMax))
	}
	if r.Front && r.Action != client.ActionRetry && r.Action != client.ActionMove {
		c.add("/front", "goes with retry and move only")
	}
	c.target(&r)
	c.time(&r)
	if len(c.fields) > 0 {
		return r, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the action has wrong fields", Fields: c.fields}
	}
	return r, nil
}

// orderCheck collects what is wrong with a request.
type orderCheck struct{ fields []jobs.FieldError }

func (c *orderCheck) add(pointer, why string) {
	if why != "" {
		c.fields = append(c.fields, jobs.FieldError{Pointer: pointer, Detail: why})
	}
}

func (c *orderCheck) ids(ids []string) []string {
	if len(ids) > client.ActionIDsMax {
		c.add("/ids", fmt.Sprintf("has more than %d entries; use a filter", client.ActionIDsMax))
		return nil
	}
	seen := make(map[string]bool, len(ids))
	var out []string
	for n, id := range ids {
		if id == "" || len(id) > idMax {
			c.add(fmt.Sprintf("/ids/%d", n), fmt.Sprintf("must have 1 to %d bytes", idMax))
			break
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func (c *orderCheck) filter(r *client.ActionRequest, may []jobs.State) {
	if filterEmpty(*r.Filter) {
		c.add("/filter", "must have at least one member, so that nothing is done to every job by mistake")
		return
	}
	if err := checkFilter(*r.Filter); err != nil {
		for _, f := range fieldsOf(err) {
			c.add("/filter"+f.Pointer, f.Detail)
		}
		return
	}
	state := jobs.State(r.Filter.State)
	switch {
	case may == nil:
	case state == "" && r.Action == client.ActionDelete:
		c.add("/filter/state", "is required with delete: one of "+join(may))
	case state != "" && !slices.Contains(may, state):
		c.add("/filter/state", "must be one of "+join(may)+" with "+r.Action)
	}
}

func join(states []jobs.State) string {
	words := make([]string, len(states))
	for n, s := range states {
		words[n] = string(s)
	}
	return strings.Join(words, ", ")
}

func (c *orderCheck) target(r *client.ActionRequest) {
	switch {
	case r.Action == client.ActionMove:
		c.add("/queue", jobs.CheckQueue(r.Queue))
	case r.Queue != "":
		c.add("/queue", "goes with move only; narrow the selection with filter.queue")
	}
}

func (c *orderCheck) time(r *client.ActionRequest) {
	given := r.RunAt != nil || r.Delay != nil
	switch {
	case r.Action != client.ActionReschedule && given:
		c.add("/run_at", "and delay go with reschedule only")
	case r.Action == client.ActionReschedule && (r.RunAt != nil) == (r.Delay != nil):
		c.add("/run_at", "give either run_at or delay")
	case r.Delay != nil && (*r.Delay < 0 || time.Duration(*r.Delay) > math.MaxInt64/2):
		c.add("/delay", "must not be negative, nor more than a hundred years")
	case r.RunAt != nil && (r.RunAt.Year() < 1970 || r.RunAt.Year() > 9999):
		c.add("/run_at", "must lie in the years 1970 to 9999")
	}
}

func fieldsOf(err error) []jobs.FieldError {
	if e, ok := errors.AsType[*jobs.Error](err); ok {
		return e.Fields
	}
	return nil
}

// filterEmpty reports whether the filter lets every job pass.
func filterEmpty(f client.JobFilter) bool {
	f.Limit, f.Cursor = 0, ""
	raw, err := json.Marshal(f)
	return err == nil && string(raw) == "{}"
}

// digest stands for what the action selects. Dry runs never meet each other.
func (o *order) digest() string {
	if o.DryRun {
		return "dry:" + o.id
	}
	ids := slices.Sorted(slices.Values(o.IDs))
	raw, err := json.Marshal(map[string]any{"ids": ids, "filter": o.Filter})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// states are those that the action looks for jobs in.
func (o *order) states() []jobs.State {
	if o.Filter.State != "" {
		return []jobs.State{jobs.State(o.Filter.State)}
	}
	_, means := verbStates(o.Action)
	return means
}
