package dashboard

import (
	"net/http"
	"net/url"

	"legwork/client"
)

type actionList struct {
	Actions []client.Action
	More    string
	Curl    string
}

func (d *Dashboard) actions(r *http.Request) (content, error) {
	list, err := d.Actions.List(r.Context(), jobsMax, r.URL.Query().Get("cursor"))
	if err != nil {
		return content{}, err
	}
	page := actionList{Actions: list.Actions, Curl: command(http.MethodGet, "/v1/actions", "")}
	if list.NextCursor != "" {
		page.More = "?" + url.Values{"cursor": {list.NextCursor}}.Encode()
	}
	return content{"Actions", page}, nil
}

type actionPage struct {
	*client.Action
	Page string
	Curl string
}

func (d *Dashboard) action(r *http.Request) (content, error) {
	a, err := d.Actions.Action(r.Context(), r.PathValue("id"))
	if err != nil {
		return content{}, err
	}
	return content{"Action " + a.Action, actionPage{a, r.URL.RequestURI(), command(http.MethodGet, "/v1/actions/"+url.PathEscape(a.ID), "")}}, nil
}

func (d *Dashboard) abortAction(r *http.Request) (done, error) {
	_, err := d.Actions.Abort(r.Context(), r.PathValue("id"))
	return done{notice: "The action ends after the jobs under way."}, err
}
