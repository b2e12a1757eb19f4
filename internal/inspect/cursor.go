package inspect

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"legwork/client"
	"legwork/jobs"
)

// cursor says where a page ended: after the job with ID in the list of one
// state of one queue. It is valid for the filter it was made with.
type cursor struct {
	State  jobs.State `json:"s"`
	Queue  string     `json:"q"`
	ID     string     `json:"i"`           // last job looked at
	Score  string     `json:"n,omitempty"` // its score, in a sorted set; text, for JSON has no infinity
	Tail   int64      `json:"t,omitempty"` // the number of jobs behind it, in a list
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
	case err != nil || !c.sound():
		return nil, badCursor("is not a cursor of this server; start again without one")
	case c.Filter != filterKey(f):
		return nil, badCursor("belongs to a list with other filters; start again without one")
	}
	return &c, nil
}

// sound reports whether the cursor can be one that encode made.
func (c cursor) sound() bool {
	if !slices.Contains(jobs.States(), c.State) || c.Queue == "" || c.Tail < 0 {
		return false
	}
	score, err := strconv.ParseFloat(c.Score, 64)
	return isList(c.State) || err == nil && !math.IsNaN(score) && scoreText(score) == c.Score
}

func scoreText(score float64) string { return strconv.FormatFloat(score, 'g', -1, 64) }

func badCursor(detail string) error {
	return &jobs.Error{
		Code: jobs.CodeInvalidRequest, Message: "the list cannot be continued",
		Fields: []jobs.FieldError{{Pointer: "/cursor", Detail: detail}},
	}
}
