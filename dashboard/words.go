package dashboard

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// ago words how long ago something was, in its largest unit.
func ago(d time.Duration) string {
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Second {
		return "now"
	}
	return span(d) + " ago"
}

// span words a duration in its largest unit, and below ten of it with one decimal.
func span(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := float64(d) / float64(unit.size); n >= 1 {
			if n < 10 && unit.size <= time.Second {
				return strings.TrimSuffix(strconv.FormatFloat(math.Floor(n*10)/10, 'f', 1, 64), ".0") + " " + unit.name
			}
			return strconv.Itoa(int(n)) + " " + unit.name
		}
	}
	if d > 0 {
		return "<1 ms"
	}
	return "0 s"
}

// count words a whole number, or what a pointer to one points at, with a thin space
// between its thousands.
func count(n any) string {
	digits := fmt.Sprint(reflect.Indirect(reflect.ValueOf(n)))
	var out strings.Builder
	for i, c := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			out.WriteString("\u202f")
		}
		out.WriteRune(c)
	}
	return out.String()
}

// short is the end of an id, which tells ids apart that were made at one time.
func short(id string) string {
	const most = 13
	runes := []rune(id)
	if len(runes) <= most+3 {
		return id
	}
	return "…" + string(runes[len(runes)-most:])
}

// rate words a number of jobs per second.
func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 0.01:
		return "<0.01"
	case perSecond < 10:
		return strconv.FormatFloat(perSecond, 'f', 2, 64)
	}
	return count(int64(math.Round(perSecond)))
}

// Size of a sparkline, in the units of its view box.
const sparkWidth, sparkHeight = 96, 20

// spark is the points of a line through the values, for an SVG of that size.
func spark(values []int64) string {
	top := int64(1)
	for _, v := range values {
		top = max(top, v)
	}
	var out strings.Builder
	for n, v := range values {
		x := float64(n) * sparkWidth / float64(max(1, len(values)-1))
		y := sparkHeight - 1 - float64(v)*(sparkHeight-2)/float64(top)
		fmt.Fprintf(&out, "%.1f,%.1f ", x, y)
	}
	return strings.TrimSpace(out.String())
}
