package failure

import (
	"net/netip"
	"strings"
	"time"
)

// The functions of this file return the length of what the text begins with, or 0.
// Each looks ahead a bounded way, or at what it then consumes.

// digits returns how many digits, most at most, the text begins with.
func digits(text string, most int) int {
	n := 0
	for n < len(text) && n < most && isDigit(text[n]) {
		n++
	}
	return n
}

// shape matches the text against a pattern, in which 0 is a digit and everything
// else itself.
func shape(text, pattern string) bool {
	if len(text) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] == '0' && !isDigit(text[i]) || pattern[i] != '0' && text[i] != pattern[i] {
			return false
		}
	}
	return true
}

func uuid(text string) int {
	const pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(text) < len(pattern) || !ends(text[len(pattern):]) {
		return 0
	}
	for i := range len(pattern) {
		if pattern[i] == 'x' && !isHex(text[i]) || pattern[i] == '-' && text[i] != '-' {
			return 0
		}
	}
	return len(pattern)
}

// email matches local part, @ and domain (lengths: RFC 5321, 4.5.3.1).
func email(text string) int {
	const localMax, domainMax = 64, 255
	local := 0
	for local < len(text) && (isAlnum(text[local]) || strings.IndexByte("._%+-", text[local]) >= 0) {
		if local++; local > localMax {
			return 0
		}
	}
	if local == len(text) || text[local] != '@' {
		return 0
	}
	domain := text[local+1:]
	n := 0
	for n < len(domain) && n < domainMax && (isAlnum(domain[n]) || n > 0 && (domain[n] == '.' || domain[n] == '-')) {
		n++
	}
	n = len(strings.TrimRight(domain[:n], ".-"))
	if n == 0 {
		return 0
	}
	return local + 1 + n
}

// timestamp matches dates and times of day as RFC 3339, Go's time.Time and log, RFC
// 1123 and C write them.
func timestamp(text string) int {
	if isLetter(text[0]) {
		return spelledTime(text)
	}
	var n int
	if shape(text, "0000-00-00") || shape(text, "0000/00/00") {
		n = 10
		if len(text) > n && strings.IndexByte("Tt ", text[n]) >= 0 && clock(text[n+1:]) > 0 {
			n += 1 + clock(text[n+1:])
			n += zone(text[n:])
		}
	} else if n = clock(text); n > 0 {
		n += zone(text[n:])
	}
	if n == 0 || !ends(text[n:]) {
		return 0
	}
	return n
}

// clock matches hours, minutes and seconds, with or without a fraction.
func clock(text string) int {
	n := digits(text, 2)
	if n == 0 || !shape(text[n:], ":00:00") {
		return 0
	}
	n += len(":00:00")
	if len(text) > n+1 && (text[n] == '.' || text[n] == ',') && isDigit(text[n+1]) {
		n++
		n += digits(text[n:], len(text))
	}
	return n
}

// zone matches what may follow a time of day: Z, an offset, and the name and
// monotonic reading that Go appends.
func zone(text string) int {
	n := 0
	if strings.HasPrefix(text, "Z") || strings.HasPrefix(text, "z") {
		return 1
	}
	offset := strings.TrimPrefix(text, " ")
	switch {
	case shape(offset, "+00:00"), shape(offset, "-00:00"):
		n = len(text) - len(offset) + len("+00:00")
	case shape(offset, "+0000"), shape(offset, "-0000"):
		n = len(text) - len(offset) + len("+0000")
	}
	for _, name := range []string{" UTC", " GMT"} {
		if strings.HasPrefix(text[n:], name) && ends(text[n+len(name):]) {
			n += len(name)
		}
	}
	if rest, ok := strings.CutPrefix(text[n:], " m="); ok && len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') {
		if m := decimal(rest[1:]); m > 0 {
			n += len(" m=+") + m
		}
	}
	return n
}

// spelledTime matches times that begin with the name of a weekday.
func spelledTime(text string) int {
	if len(text) < len(time.ANSIC) {
		return 0
	}
	switch text[:3] {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
	default:
		return 0
	}
	for _, layout := range []string{time.RFC1123Z, time.RFC1123, time.UnixDate, time.ANSIC} {
		if len(text) >= len(layout) && ends(text[len(layout):]) {
			if _, err := time.Parse(layout, text[:len(layout)]); err == nil {
				return len(layout)
			}
		}
	}
	return 0
}

// duration matches what time.Duration prints, and days and weeks.
func duration(text string) int {
	n := 0
	for {
		m := decimal(text[n:])
		if m == 0 {
			break
		}
		unit := 0
		for _, u := range []string{"ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "w"} {
			if strings.HasPrefix(text[n+m:], u) {
				unit = len(u)
				break
			}
		}
		if unit == 0 {
			return 0
		}
		n += m + unit
	}
	if n == 0 || !ends(text[n:]) {
		return 0
	}
	return n
}

// decimal matches digits with or without a fraction.
func decimal(text string) int {
	n := digits(text, len(text))
	if n > 0 && len(text) > n+1 && text[n] == '.' && isDigit(text[n+1]) {
		n++
		n += digits(text[n:], len(text))
	}
	return n
}

// number matches a decimal number, a version or a list of them, with an exponent or
// a unit.
func number(text string) int {
	n := digits(text, len(text))
	for n > 0 && len(text) > n+1 && (text[n] == '.' || text[n] == ',') && isDigit(text[n+1]) {
		n++
		n += digits(text[n:], len(text))
	}
	if n == 0 {
		return 0
	}
	if ends(text[n:]) {
		if strings.HasPrefix(text[n:], "%") {
			n++
		}
		return n
	}
	if e := exponent(text[n:]); e > 0 && ends(text[n+e:]) {
		return n + e
	}
	unit := alnum(text[n:])
	switch text[n : n+unit] {
	case "B", "b", "k", "K", "M", "G", "T", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "Ki", "Mi", "Gi", "Ti",
		"x", "px", "st", "nd", "rd", "th", "bytes":
		if ends(text[n+unit:]) {
			return n + unit
		}
	}
	return 0
}

// exponent matches e, a sign or none, and digits.
func exponent(text string) int {
	if text == "" || text[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if len(text) > n && (text[n] == '+' || text[n] == '-') {
		n++
	}
	d := digits(text[n:], len(text))
	if d == 0 {
		return 0
	}
	return n + d
}

// address matches an address of IPv4 or IPv6, or of a network card, and the port or
// the length of the network after it.
func address(text string) int {
	if n := address4(text); n > 0 {
		return n + port(text[n:])
	}
	return address6(text)
}

func address4(text string) int {
	n := 0
	for i := range 4 {
		d := digits(text[n:], 4)
		if d == 0 || d > 3 {
			return 0
		}
		n += d
		if i < 3 {
			if n == len(text) || text[n] != '.' {
				return 0
			}
			n++
		}
	}
	if !ends(text[n:]) || len(text) > n+1 && text[n] == '.' && isDigit(text[n+1]) {
		return 0
	}
	return n
}

// port matches a port, or the length of a network.
func port(text string) int {
	if len(text) < 2 || text[0] != ':' && text[0] != '/' {
		return 0
	}
	d := digits(text[1:], 6)
	if d == 0 || d > 5 || !ends(text[1+d:]) {
		return 0
	}
	return 1 + d
}

// address6 matches an address of IPv6, which must have a digit: a::b is C++. Or the
// address of a network card.
func address6(text string) int {
	const longest = len("0000:0000:0000:0000:0000:0000:255.255.255.255")
	n, colons, digit := 0, 0, false
	for n < len(text) && n <= longest && (isHex(text[n]) || text[n] == ':' || text[n] == '.') {
		if text[n] == ':' {
			colons++
		}
		digit = digit || isDigit(text[n])
		n++
	}
	if colons < 2 || !digit || n > longest || !ends(text[n:]) {
		return 0
	}
	n = len(strings.TrimRight(text[:n], "."))
	if text[n-1] == ':' && text[n-2] != ':' {
		n--
	}
	if n == len("00:00:00:00:00:00") && shapeHex(text[:n]) {
		return n
	}
	if _, err := netip.ParseAddr(text[:n]); err != nil {
		return 0
	}
	if len(text) > n+1 && text[n] == '%' {
		if z := alnum(text[n+1:]); z > 0 {
			return n + 1 + z
		}
	}
	return n
}

// shapeHex reports whether every third character is a colon and the others are
// hexadecimal digits.
func shapeHex(text string) bool {
	for i := range len(text) {
		if i%3 == 2 && text[i] != ':' || i%3 != 2 && !isHex(text[i]) {
			return false
		}
	}
	return true
}

// bracketedAddress matches an address of IPv6 in brackets, and its port.
func bracketedAddress(text string) int {
	const longest = 64
	end := strings.IndexByte(text[:min(len(text), longest)], ']')
	if end < 0 || strings.Count(text[:end], ":") < 2 {
		return 0
	}
	if _, err := netip.ParseAddr(text[1:end]); err != nil {
		return 0
	}
	return end + 1 + port(text[end+1:])
}
