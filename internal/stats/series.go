package stats

import (
	"strconv"
	"strings"
	"time"
)

// Series is what is counted together: the jobs of one type in one queue.
type Series struct{ Type, Queue string }

// nameMax bounds the names of a series, in bytes. Legwork's own are shorter; those
// of other asynq clients may be anything.
const nameMax = 128

// Other is the series that stands for all that have no place of their own.
func Other() Series { return Series{Type: "other", Queue: "other"} }

// Fits reports whether the names are short enough for a series of its own.
func (s Series) Fits() bool { return len(s.Type) <= nameMax && len(s.Queue) <= nameMax }

// Field is the name of the series in a HASH.
func (s Series) Field() string { return escape(s.Type) + "|" + escape(s.Queue) }

// ParseField reads what [Series.Field] writes; false for anything else.
func ParseField(field string) (Series, bool) {
	typeName, queue, ok := strings.Cut(field, "|")
	s := Series{unescape(typeName), unescape(queue)}
	return s, ok && s.Field() == field
}

// escape frees a name of the bar. Names of Legwork's own have neither bar nor
// percent sign.
func escape(name string) string {
	if !strings.ContainsAny(name, "|%") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "%", "%25"), "|", "%7C")
}

func unescape(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "%7C", "|"), "%25", "%")
}

// Retentions.
const (
	MinutesKept = 48 * time.Hour
	HoursKept   = 90 * 24 * time.Hour
)

// prefix is what all keys begin with. They share a slot of a Redis Cluster, so that
// one script writes a minute and its hour.
const prefix = "legwork:{stats}:"

// Minute is the number of the minute that the time is in, counted from 1970.
func Minute(t time.Time) int64 { return t.Unix() / 60 }

// KeyMinute is the HASH of a minute's counts.
func KeyMinute(minute int64) string { return prefix + "m:" + strconv.FormatInt(minute, 10) }

// KeyHour is the HASH of an hour's counts, by its number from 1970.
func KeyHour(hour int64) string { return prefix + "h:" + strconv.FormatInt(hour, 10) }

// KeyWriter is the STRING with the number of the last write of a process: what it
// sends again after a lost answer is not counted twice. It expires a day after the
// last write.
func KeyWriter(process string) string { return prefix + "w:" + process }
