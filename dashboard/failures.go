package dashboard

import (
	"net/http"
	"net/url"

	"legwork/client"
)

// groupsMax is the number of failure groups of a page.
const groupsMax = 50

type failureList struct {
	States []choice
	Search string
	State  string
	Groups []client.FailureGroup
	More   string // query of the next page, or ""
	Curl   string
}

func (d *Dashboard) failures(r *http.Request) (content, error) {
	q := r.URL.Query()
	f := client.FailureFilter{State: q.Get("state"), Q: q.Get("q"), Type: q.Get("type"), Queue: q.Get("queue"), Limit: groupsMax, Cursor: q.Get("cursor")}
	list, err := d.Inspector.Failures(r.Context(), f)
	if err != nil {
		return content{}, err
	}
	page := failureList{Search: f.Q, State: f.State, Groups: list.Failures, Curl: command(http.MethodGet, "/v1/failures", "")}
	for _, state := range []string{"", "open", "regressed", "ignored", "resolved"} {
		name := state
		if name == "" {
			name = "all"
		}
		page.States = append(page.States, choice{name, "?" + url.Values{"state": {state}, "q": {f.Q}}.Encode(), state == f.State})
	}
	if list.NextCursor != "" {
		q.Set("cursor", list.NextCursor)
		page.More = "?" + q.Encode()
	}
	return content{"Failures", page}, nil
}

type failurePage struct {
	*client.FailureGroup
	Chart    chart
	Jobs     []client.Job
	Page     string
	Commands []namedCommand
}

// sampleMax is the number of a group's jobs that its page shows.
const sampleMax = 20

func (d *Dashboard) failure(r *http.Request) (content, error) {
	ctx, fingerprint := r.Context(), r.PathValue("fingerprint")
	g, err := d.Inspector.Failure(ctx, fingerprint, client.TrendWeek)
	if err != nil {
		return content{}, err
	}
	list, err := d.Inspector.Jobs(ctx, client.JobFilter{Fingerprint: fingerprint, Limit: sampleMax})
	if err != nil {
		return content{}, err
	}
	p := failurePage{FailureGroup: g, Chart: failureChart(g.Trend), Jobs: list.Jobs, Page: r.URL.RequestURI()}
	path := "/v1/failures/" + url.PathEscape(fingerprint)
	p.Commands = []namedCommand{
		{"Show", command(http.MethodGet, path, "")}, {"Retry all", command(http.MethodPost, path+"/retry", "")},
		{"Resolve", command(http.MethodPost, path+"/resolve", "")}, {"Ignore", command(http.MethodPost, path+"/ignore", `{"for":"72h"}`)},
		{"Reopen", command(http.MethodPost, path+"/reopen", "")},
	}
	return content{g.Type + ": " + g.Kind, p}, nil
}

// failureChart draws the failures of each hour.
func failureChart(trend []client.HourCount) chart {
	p := plot{Lines: []line{{Name: "failures", Color: "--bad", Fill: true}}}
	for _, h := range trend {
		n := float64(h.Count)
		p.Times = append(p.Times, h.Hour.Unix())
		p.Lines[0].Values = append(p.Lines[0].Values, &n)
	}
	return newChart("Failures per hour, 7 days", p)
}

func (d *Dashboard) actOnFailure(r *http.Request) (done, error) {
	ctx, fingerprint := r.Context(), r.PathValue("fingerprint")
	filter := &client.JobFilter{Fingerprint: fingerprint, State: "archived"}
	switch verb := r.PathValue("verb"); verb {
	case "resolve":
		_, err := d.Inspector.Resolve(ctx, fingerprint)
		return done{notice: "Resolved. Should it fail again, it is marked as regressed."}, err
	case "reopen":
		_, err := d.Inspector.Reopen(ctx, fingerprint)
		return done{notice: "Open again."}, err
	case "ignore":
		var span client.Duration
		if err := span.UnmarshalText([]byte(r.PostForm.Get("for"))); err != nil {
			return done{}, badForm("ignore for how long? Write a duration such as 72h")
		}
		_, err := d.Inspector.Ignore(ctx, fingerprint, client.Ignore{For: &span})
		return done{notice: "Ignored for " + r.PostForm.Get("for") + "."}, err
	case "retry", "delete":
		return d.order(r, client.ActionRequest{Action: verb, Filter: filter})
	default:
		return done{}, unknownVerb(verb)
	}
}
