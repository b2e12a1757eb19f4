package dashboard

import (
	"net/http"
	"net/url"

	"legwork/client"
)

type queueList struct {
	Queues []queueRow
	Curl   string
}

func (d *Dashboard) queues(r *http.Request) (content, error) {
	ctx := r.Context()
	queues, err := d.Inspector.Queues(ctx, d.Catalog.Weights(ctx))
	if err != nil {
		return content{}, err
	}
	rows, err := d.queueRows(ctx, queues)
	return content{"Queues", queueList{rows, command(http.MethodGet, "/v1/queues", "")}}, err
}

type queuePage struct {
	*client.Queue
	Spans    []choice
	Charts   []chart
	States   []stateTab
	Page     string
	Commands []namedCommand
}

func (d *Dashboard) queue(r *http.Request) (content, error) {
	ctx, name := r.Context(), r.PathValue("name")
	q, err := d.Inspector.Queue(ctx, name, d.Catalog.Weights(ctx))
	if err != nil {
		return content{}, err
	}
	span, spans := chosenPeriod(r)
	stats, err := d.Inspector.Stats(ctx, client.StatsFilter{From: span.from(), Queue: name})
	if err != nil {
		return content{}, err
	}
	path := "/v1/queues/" + url.PathEscape(name)
	return content{name, queuePage{
		Queue: q, Spans: spans, Charts: charts(stats), States: stateTabs([]client.Queue{*q}, client.JobFilter{Queue: name})[1:], Page: r.URL.RequestURI(),
		Commands: []namedCommand{{"Show", command(http.MethodGet, path, "")}, {"Pause", command(http.MethodPost, path+"/pause", "")}, {"Resume", command(http.MethodPost, path+"/resume", "")}},
	}}, nil
}

func (d *Dashboard) actOnQueue(r *http.Request) (done, error) {
	ctx, name := r.Context(), r.PathValue("name")
	switch verb := r.PathValue("verb"); verb {
	case "pause":
		_, err := d.Inspector.Pause(ctx, name, nil)
		return done{notice: "Queue " + name + " is paused: what waits there stays, what runs goes on."}, err
	case "resume":
		_, err := d.Inspector.Resume(ctx, name, nil)
		return done{notice: "Queue " + name + " goes on."}, err
	default:
		return done{}, unknownVerb(verb)
	}
}
