package client

import (
	"errors"
	"time"
)

// Duration is a time.Duration that travels as a Go duration string ("90s").
type Duration time.Duration

// String returns the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText encodes the duration as a Go duration string.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText decodes a Go duration string. Its error does not repeat the text.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`is not a duration such as "90s" or "1h30m"`)
	}
	*d = Duration(v)
	return nil
}
