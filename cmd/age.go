package cmd

import (
	"fmt"
	"time"
)

// ago words a time as seen from now: "3m ago", "in 2h", "now"; "" when it is unset.
func ago(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	switch past := now.Sub(at); {
	case past >= time.Second:
		return span(past) + " ago"
	case past <= -time.Second:
		return "in " + span((-past).Round(time.Second)) // an hour from now is still one a moment later
	}
	return "now"
}

// agoIf is ago for a time that may be missing.
func agoIf(now time.Time, at *time.Time) string {
	if at == nil {
		return ""
	}
	return ago(now, *at)
}

// span words a duration in its largest unit, cut to whole ones.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}
