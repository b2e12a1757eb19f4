package dashboard

import (
	"net/http"
	"strconv"

	"legwork/client"
)

// actOnJobs orders what the form of a list says, for the jobs that are ticked or for all
// that match its filter, and shows the action.
func (d *Dashboard) actOnJobs(r *http.Request) (done, error) {
	order := client.ActionRequest{Action: r.PostForm.Get("action")}
	if r.PostForm.Get("all") != "" {
		f, err := client.ParseFilter(r.PostForm.Get("filter"))
		if err != nil {
			return done{}, badForm(err.Error())
		}
		order.Filter = &f
	} else if order.IDs = r.PostForm["id"]; len(order.IDs) == 0 {
		return done{}, badForm("no job is ticked; tick some, or all that match")
	}
	return d.order(r, order)
}

// order orders the action at the pace that the form says, and shows it.
func (d *Dashboard) order(r *http.Request, order client.ActionRequest) (done, error) {
	order.DryRun = r.PostForm.Get("dry") != ""
	if text := r.PostForm.Get("rate"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return done{}, badForm("the rate is to be a whole number of jobs per second")
		}
		order.Rate = n
	}
	a, err := d.Actions.Order(r.Context(), order)
	if err != nil {
		return done{}, err
	}
	return done{page: link(d.Base, "actions", a.ID)}, nil
}
