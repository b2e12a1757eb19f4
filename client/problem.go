package client

import "fmt"

// Problem is an error as the API sends it: RFC 9457 problem details with a
// stable code and one entry per wrong field. It is also the error that every
// method of [Client] returns for an answer of 4xx or 5xx.
type Problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`
	Code     string       `json:"code"`
	Instance string       `json:"instance,omitempty"`
	Errors   []FieldError `json:"errors,omitempty"`
	State    string       `json:"state,omitempty"` // of the job that has the id, with code conflict

	// RetryAfter is the Retry-After header of the answer; 0 when it had none.
	RetryAfter Duration `json:"-"`
}

// FieldError says what is wrong at one place of the request.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error returns code, detail and fields in one line.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%s (%d %s)", p.Detail, p.Status, p.Code)
	for _, f := range p.Errors {
		s += fmt.Sprintf("\n  %s: %s", f.Pointer, f.Detail)
	}
	return s
}
