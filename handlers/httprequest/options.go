package httprequest

import (
	"errors"
	"fmt"
	"time"
)

// TypeName is the name of the job type.
const TypeName = "http.request"

// Bounds of an exchange.
const (
	// ResponseLimitDefault is the default of [Options.ResponseLimit].
	ResponseLimitDefault = 1 << 20
	// TimeoutDefault is the default of [Options.Timeout].
	TimeoutDefault = 30 * time.Second
	// ResultBodyMax bounds the body kept in the result, in bytes of its JSON
	// encoding, which keeps any result far below the limit of 256 KiB.
	ResultBodyMax = 64 << 10
	// RedirectsMax is how many redirects are followed.
	RedirectsMax = 3
	// RetryAfterMax bounds the delay that an answer can ask for.
	RetryAfterMax = 24 * time.Hour
)

// Options are the operator's settings of the type.
type Options struct {
	// AllowPrivate lets jobs reach every address: loopback, private networks
	// and the metadata services of clouds. Defaults to false.
	AllowPrivate bool
	// AllowCIDRs are networks that jobs may reach although they are not public,
	// such as "10.2.0.0/16" or "fd00:1::/32". They win over every other rule.
	AllowCIDRs []string
	// ResponseLimit is how many bytes of an answer's body are read, after
	// decompression. What is beyond is left unread and the result says
	// truncated; the job completes all the same, because the request has had
	// its effect. Defaults to [ResponseLimitDefault].
	ResponseLimit int64
	// Timeout bounds an exchange, with redirects and body, whose payload names
	// no timeout. Defaults to [TimeoutDefault].
	Timeout time.Duration
}

// Check says what is wrong with the options, naming the setting, or is nil.
func (o Options) Check() error {
	_, err := newControl(o)
	if o.ResponseLimit < 0 {
		err = errors.Join(err, fmt.Errorf("handlers.http_request.response_limit %d: use a positive number of bytes", o.ResponseLimit))
	}
	if o.Timeout < 0 {
		err = errors.Join(err, fmt.Errorf("handlers.http_request.timeout %s: use a positive duration", o.Timeout))
	}
	return err
}
