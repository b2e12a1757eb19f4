package dashboard

import (
	"net/http"

	"legwork/internal/engine"
)

type typeList struct {
	Types []engine.TypeEntry
	Curl  string
}

func (d *Dashboard) types(r *http.Request) (content, error) {
	return content{"Types", typeList{d.Catalog.Types(r.Context()), command(http.MethodGet, "/v1/types", "")}}, nil
}
