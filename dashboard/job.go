package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"legwork/client"
	"legwork/jobs"
)

// logMax is the number of lines of a job's log that its page shows: the last ones.
const logMax = 200

type jobPage struct {
	client.Job
	Why      *client.Why // nil once the job has ended
	Log      *client.Log
	Payload  string
	Result   string
	Acts     []jobAct
	Page     string
	Commands []namedCommand
}

// jobAct is something that can be done to the job as it stands.
type jobAct struct{ Verb, Name, Ask, Class string }

type namedCommand struct{ Name, Line string }

func (d *Dashboard) job(r *http.Request) (content, error) {
	ctx, id := r.Context(), r.PathValue("id")
	j, err := d.Inspector.Job(ctx, id)
	if err != nil {
		return content{}, err
	}
	p := jobPage{Job: *j, Payload: pretty(j.Payload), Result: pretty(j.Result), Acts: jobActs(j), Page: r.URL.RequestURI()}
	if !j.Final() {
		if p.Why, err = d.Inspector.Why(ctx, id); err != nil {
			return content{}, err
		}
	}
	if p.Log, err = d.Inspector.Log(ctx, id, client.LogFilter{Limit: logMax}); err != nil && jobs.CodeOf(err) != jobs.CodeNotFound {
		return content{}, err
	}
	path := "/v1/jobs/" + url.PathEscape(id)
	p.Commands = []namedCommand{{"Show", command(http.MethodGet, path, "")}}
	for _, a := range p.Acts {
		if a.Verb == "delete" {
			p.Commands = append(p.Commands, namedCommand{a.Name, command(http.MethodDelete, path, "")})
			continue
		}
		p.Commands = append(p.Commands, namedCommand{a.Name, command(http.MethodPost, path+"/"+a.Verb, "")})
	}
	p.Commands = append(p.Commands, namedCommand{"Enqueue one like it", command(http.MethodPost, "/v1/jobs", again(j))})
	p.Commands = append(p.Commands, namedCommand{"The same in Go", fmt.Sprintf("c.Enqueue(ctx, client.Enqueue{Type: %q, Queue: %q, Payload: json.RawMessage(%#q)})", j.Type, j.Queue, string(j.Payload))})
	return content{j.Type, p}, nil
}

// again is a request that enqueues a job like this one.
func again(j *client.Job) string {
	raw, err := json.Marshal(client.Enqueue{Type: j.Type, Queue: j.Queue, Payload: j.Payload, Tags: j.Tags})
	if err != nil {
		return ""
	}
	return string(raw)
}

// jobActs are what makes sense in the job's state.
func jobActs(j *client.Job) []jobAct {
	var (
		retry   = jobAct{"retry", "Retry", "", "primary"}
		runNow  = jobAct{"retry", "Run now", "", "primary"}
		cancel  = jobAct{"cancel", "Cancel", "Cancel this job?", ""}
		archive = jobAct{"archive", "Archive", "", ""}
		remove  = jobAct{"delete", "Delete", "Delete this job for good?", "danger"}
	)
	switch jobs.State(j.State) {
	case jobs.StateActive:
		return []jobAct{cancel}
	case jobs.StatePending:
		return []jobAct{cancel, archive, remove}
	case jobs.StateScheduled, jobs.StateRetry:
		return []jobAct{runNow, cancel, archive, remove}
	}
	return []jobAct{retry, remove}
}

// pretty indents JSON without changing its numbers; what is none stays as it is.
func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// actOnJob does what a form of a job asks for.
func (d *Dashboard) actOnJob(r *http.Request) (done, error) {
	ctx, id := r.Context(), r.PathValue("id")
	switch verb := r.PathValue("verb"); verb {
	case "retry":
		_, err := d.Inspector.Retry(ctx, id)
		return done{notice: "The job runs as soon as a worker is free."}, err
	case "archive":
		_, err := d.Inspector.Archive(ctx, id)
		return done{notice: "The job is among the dead letters."}, err
	case "cancel":
		j, err := d.Inspector.Cancel(ctx, id)
		if err == nil && j.State == string(jobs.StateActive) {
			return done{notice: "The worker has been asked to end the job."}, nil
		}
		return done{notice: "The job is cancelled."}, err
	case "delete":
		return done{notice: "Job " + id + " is deleted.", page: d.Base + "/jobs"}, d.Inspector.Delete(ctx, id)
	default:
		return done{}, unknownVerb(verb)
	}
}
