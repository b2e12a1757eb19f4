package httpapi

import (
	"strconv"
	"strings"
	"time"

	"legwork/jobs"
)

// waitMax bounds what a caller may wait for. A longer wish counts as this.
const waitMax = 60 * time.Second

// parsePrefer reads the wait preference of the Prefer headers, which are one
// list however many lines it has (RFC 7240, sections 2 and 4.3). Preferences it
// does not know are ignored, as the RFC asks.
func parsePrefer(headers []string) (time.Duration, error) {
	if len(headers) == 0 {
		return 0, nil
	}
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		part, _, _ = strings.Cut(part, ";")
		name, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return 0, &jobs.Error{
				Code: jobs.CodeInvalidRequest, Message: "the Prefer header is wrong",
				Fields: []jobs.FieldError{{Pointer: "/Prefer", Detail: "wait must be a whole number of seconds, such as wait=10"}},
			}
		}
		return min(time.Duration(n)*time.Second, waitMax), nil
	}
	return 0, nil
}
