package httpapi

import (
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"legwork/client"
)

// FilterInput is a [client.JobFilter] but for its state.
type FilterInput struct {
	Queue       string            `query:"queue" doc:"Only jobs of this queue"`
	Type        string            `query:"type" doc:"Only jobs of this type"`
	Tag         string            `query:"tag" doc:"Only jobs with this tag"`
	Error       string            `query:"error" doc:"Only jobs whose last error has this text, in any case, or matches /this expression/ (RE2)"`
	Fingerprint string            `query:"fingerprint" doc:"Only dead letters and jobs that wait for a retry whose last failure has this fingerprint"`
	Since       time.Time         `query:"since" doc:"Not before this time: of death, of completion, when due, or since when a job waits or runs"`
	Until       time.Time         `query:"until" doc:"Before this time, of the same kind as since"`
	Q           string            `query:"q" doc:"Only jobs with this text in id, type, tags, last error or payload, in any case, or that match /this expression/ (RE2)"`
	Payload     map[string]string `query:"payload,deepObject" doc:"Only jobs whose payload has these values, as payload.user.id=7 or payload[user.id]=7; a name may be the number of an array's entry, a value a /regular expression/ (RE2)"`
}

func (in *FilterInput) filter(state string) client.JobFilter {
	f := client.JobFilter{
		State: state, Queue: in.Queue, Type: in.Type, Tag: in.Tag, Error: in.Error, Fingerprint: in.Fingerprint, Q: in.Q, Payload: in.Payload,
	}
	if !in.Since.IsZero() {
		f.Since = &in.Since
	}
	if !in.Until.IsZero() {
		f.Until = &in.Until
	}
	return f
}

// payloadPaths is a huma middleware that writes payload.<path>=v as the object that the
// document knows: payload[<path>]=v.
func payloadPaths(ctx huma.Context, next func(huma.Context)) {
	const dotted = "payload."
	u := humaecho.Unwrap(ctx).Request().URL
	if strings.Contains(u.RawQuery, dotted) {
		plain := url.Values{}
		for name, values := range u.Query() {
			if path, ok := strings.CutPrefix(name, dotted); ok {
				name = "payload[" + path + "]"
			}
			plain[name] = append(plain[name], values...)
		}
		u.RawQuery = plain.Encode()
	}
	next(ctx)
}
