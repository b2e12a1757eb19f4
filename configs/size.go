package configs

import (
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes. Its text is a whole number with one of the
// units B, KiB, MiB, GiB (powers of 1024) and KB, MB, GB (powers of 1000); a
// number without a unit is bytes.
type ByteSize int64

// Units of a ByteSize.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
	KB  ByteSize = 1e3
	MB  ByteSize = 1e6
	GB  ByteSize = 1e9
)

type unit struct {
	name string
	size ByteSize
}

// units lists the units that String may choose, the preferred one first.
func units() []unit {
	return []unit{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"GB", GB}, {"MB", MB}, {"KB", KB}}
}

// String returns the size in the largest unit that divides it, binary units
// before decimal ones, or as plain bytes.
func (s ByteSize) String() string {
	for _, u := range units() {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText returns the text of String.
func (s ByteSize) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a size such as 512KiB, 1MiB or 1048576.
func (s *ByteSize) UnmarshalText(text []byte) error {
	v, err := parseSize(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

func parseSize(text string) (ByteSize, error) {
	digits := strings.TrimRight(text, "BGKMi")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
		return 0, badSize(text)
	}
	factor, ok := unitSize(text[len(digits):])
	if !ok {
		return 0, badSize(text)
	}
	if n > math.MaxInt64/int64(factor) {
		return 0, &fault{problem: "must be a size below 8EiB", fix: "write a smaller size", value: text}
	}
	return ByteSize(n) * factor, nil
}

func unitSize(name string) (ByteSize, bool) {
	if name == "" || name == "B" {
		return 1, true
	}
	for _, u := range units() {
		if u.name == name {
			return u.size, true
		}
	}
	return 0, false
}

func badSize(text string) error {
	return &fault{
		problem: "must be a size such as 512KiB or 1MiB",
		fix:     "write a whole number and one of B, KiB, MiB, GiB, KB, MB, GB, without a space",
		value:   text,
	}
}
