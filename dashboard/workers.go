package dashboard

import (
	"net/http"

	"legwork/client"
)

type workerList struct {
	Workers []client.Worker
	Page    string
	Curl    string
}

func (d *Dashboard) workers(r *http.Request) (content, error) {
	all, err := d.Inspector.Workers(r.Context())
	return content{"Workers", workerList{all, r.URL.RequestURI(), command(http.MethodGet, "/v1/workers", "")}}, err
}

func (d *Dashboard) actOnWorker(r *http.Request) (done, error) {
	verb := r.PathValue("verb")
	notice := map[string]string{
		"quiet":  "The worker has been asked to take no more jobs; it finishes those that it has.",
		"resume": "The worker has been asked to take jobs again.",
	}[verb]
	if notice == "" {
		return done{}, unknownVerb(verb)
	}
	_, err := d.Inspector.Ask(r.Context(), r.PathValue("id"), verb)
	return done{notice: notice}, err
}
