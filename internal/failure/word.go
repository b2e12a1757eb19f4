package failure

import (
	"strings"
	"unicode/utf8"
)

// wordMax is the length from which a word of ASCII letters is taken for an id.
const wordMax = 64

// word rewrites what the text begins with, which is a letter or a digit that
// nothing of the kind was before.
func (s *scanner) word(text string) (n int, ok bool) {
	if n := schemeLength(text); n > 0 && !isWordEnd(s.last()) {
		return s.url(text, n)
	}
	if n := email(text); n > 0 {
		return n, s.fill(holeEmail)
	}
	if n := uuid(text); n > 0 {
		return n, s.fill(holeUUID)
	}
	if n := address(text); n > 0 {
		return n, s.fill(holeAddress)
	}
	if n := timestamp(text); n > 0 {
		return n, s.fill(holeTime)
	}
	if n := duration(text); n > 0 {
		return n, s.fill(holeDuration)
	}
	if n := alnum(text); s.code && isCode(text[:n]) && stops(text[n:]) {
		s.code = false
		return n, s.put(text[:n])
	}
	if n := number(text); n > 0 {
		return n, s.fill(holeNumber)
	}
	n = alnum(text)
	return n, s.part(text[:n])
}

// part rewrites letters and digits that have nothing of the kind around them.
func (s *scanner) part(part string) bool {
	switch classify(part) {
	case partPlain:
		s.code = announcesCode(part)
		return s.put(part)
	case partHex:
		return s.fill(holeHex)
	case partID:
		return s.fill(holeID)
	}
	for part != "" {
		n := strings.IndexFunc(part, func(r rune) bool { return isDigit(byte(r)) })
		if n < 0 {
			n = len(part)
		}
		if !s.put(part[:n]) {
			return false
		}
		if part = part[n:]; part != "" {
			if !s.fill(holeNumber) {
				return false
			}
			part = strings.TrimLeft(part, "0123456789")
		}
	}
	return true
}

// kind of a part.
type partKind int

const (
	partPlain partKind = iota
	partHex            // 0x and hexadecimal digits
	partID             // made by a machine
	partMixed          // letters and one number
)

func classify(part string) partKind {
	var digits, runs, upper, lower int
	hex := true
	for i := range len(part) {
		c := part[i]
		switch {
		case isDigit(c):
			digits++
			if i == 0 || !isDigit(part[i-1]) {
				runs++
			}
		case c <= 'Z':
			upper++
		default:
			lower++
		}
		hex = hex && isHex(c)
	}
	inside := !isDigit(part[0]) && !isDigit(part[len(part)-1])
	switch {
	case digits == 0 && len(part) < wordMax, isTerm(part):
		return partPlain
	case len(part) > 2 && (part[:2] == "0x" || part[:2] == "0X") && allHex(part[2:]):
		return partHex
	case len(part) >= wordMax, runs > 1, hex && len(part) >= 7 && digits < len(part),
		digits < len(part) && len(part) >= 20, inside && upper > 0 && lower > 0 && len(part) >= 6:
		return partID
	}
	return partMixed
}

// isTerm reports whether the part is a word of the trade whose number is part of
// its name. None consists of hexadecimal digits.
func isTerm(part string) bool {
	switch strings.ToLower(part) {
	case "x509", "utf8", "utf16", "latin1", "base32", "base64", "sha1", "sha256", "sha384", "sha512", "md5", "crc32",
		"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
		"http1", "http2", "http3", "ipv4", "ipv6", "oauth2", "s3", "k8s", "i18n", "amd64", "arm64", "win32", "x86":
		return true
	}
	return false
}

// announcesCode reports whether a number after the word is a code that tells one
// cause from another.
func announcesCode(word string) bool {
	switch strings.ToLower(word) {
	case "status", "code", "answered", "http", "smtp", "errno", "sqlstate", "statuscode":
		return true
	}
	return false
}

// isCode reports whether the part may be a code: short, with a digit.
func isCode(part string) bool { return len(part) <= 5 && strings.ContainsAny(part, "0123456789") }

// stops reports whether a word ends before the text for good.
func stops(text string) bool {
	if text != "" && strings.IndexByte(":;,.)]", text[0]) >= 0 {
		text = text[1:]
	}
	return text == "" || text[0] <= ' '
}

// alnum returns the length of the letters and digits that the text begins with.
func alnum(text string) int {
	n := 0
	for n < len(text) && isAlnum(text[n]) {
		n++
	}
	return n
}

func allHex(text string) bool {
	for i := range len(text) {
		if !isHex(text[i]) {
			return false
		}
	}
	return true
}

// ends reports whether no word goes on at the start of the text.
func ends(text string) bool { return text == "" || !isAlnum(text[0]) && text[0] < utf8.RuneSelf }
