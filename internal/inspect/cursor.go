package inspect

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"legwork/client"
	"legwork/jobs"
)

// cursor says where a page ended: after the job with ID in the list of one
// state of one queue. It is valid for the filter it was made with.
type cursor struct {
	State  jobs.State `json:"s"`
	Queue  string     `json:"q"`
	ID     string     `json:"i"`           // last job looked at
	Score  float64    `json:"n,omitempty"` // its score, in a sorted set
	Offset int64      `json:"o,omitempty"` // its place, in a list
	Filter [3]string  `json:"f"`           // state, queue and type/tag asked for
}

func filterKey(f client.JobFilter) [3]string {
	return [3]string{f.State, f.Queue, f.Type + "," + f.Tag}
}

func (c cursor) encode() string {
	raw, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeCursor reads a cursor that encode made for the same filter.
func decodeCursor(text string, f client.JobFilter) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	switch {
	case err != nil || !slices.Contains(jobs.States(), c.State) || jobs.CheckQueue(c.Queue) != "" || c.Offset < 0:
		return nil, badCursor("is not a cursor of this server; start again without one")
	case c.Filter != filterKey(f):
		return nil, badCursor("belongs to a list with other filters; start again without one")
	}
	return &c, nil
}

func badCursor(detail string) error {
	return &jobs.Error{
		Code: jobs.CodeInvalidRequest, Message: "the list cannot be continued",
		Fields: []jobs.FieldError{{Pointer: "/cursor", Detail: detail}},
	}
}
