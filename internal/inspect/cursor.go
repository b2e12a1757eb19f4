package inspect

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// cursor says where a page ended: in the jobs of one state of one queue, after
// a place in each of its shards. It is valid for the filter it was made with.
type cursor struct {
	State jobs.State `json:"s"`
	Queue string     `json:"q"`
	mark
	More   []mark `json:"m,omitempty"` // places in further shards
	Filter string `json:"f"`           // digest of what was asked for
}

// mark is a place in the list or set of one shard: after the job with ID, the last
// one looked at.
type mark struct {
	ID    string `json:"i"`
	Score string `json:"n,omitempty"` // its score, in a sorted set; text, for JSON has no infinity
	Tail  int64  `json:"t,omitempty"` // the number of jobs behind it, in a list
	Shard int    `json:"k,omitempty"`
}

// marks returns the places, at most one of each shard.
func (c *cursor) marks() []mark { return append([]mark{c.mark}, c.More...) }

// filterKey stands for the filter, without the size of its pages.
func filterKey(f client.JobFilter) string {
	f.Limit, f.Cursor = 0, ""
	sum := sha256.Sum256([]byte(f.Values().Encode()))
	return hex.EncodeToString(sum[:8])
}

func (c *cursor) encode() string {
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
func (c *cursor) sound() bool {
	if !slices.Contains(jobs.States(), c.State) || c.Queue == "" || len(c.More) >= store.ShardsMax {
		return false
	}
	return !slices.ContainsFunc(c.marks(), func(m mark) bool { return !m.sound(isList(c.State)) })
}

func (m mark) sound(inList bool) bool {
	if m.Tail < 0 || m.Shard < 0 || m.Shard >= store.ShardsMax {
		return false
	}
	score, err := strconv.ParseFloat(m.Score, 64)
	return inList || err == nil && !math.IsNaN(score) && scoreText(score) == m.Score
}

func scoreText(score float64) string { return strconv.FormatFloat(score, 'g', -1, 64) }

func badCursor(detail string) error {
	return &jobs.Error{
		Code: jobs.CodeInvalidRequest, Message: "the list cannot be continued",
		Fields: []jobs.FieldError{{Pointer: "/cursor", Detail: detail}},
	}
}
