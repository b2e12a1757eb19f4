package configs

import (
	"strconv"
	"strings"
)

// fault says what is wrong with one value, before anybody knows where the
// value stands. The problem completes a sentence that begins with the key.
type fault struct {
	problem string
	fix     string
	value   string // the text at fault; may be secret
	quoted  bool   // the value is at fault for being text
}

// Error returns the problem with the value.
func (f *fault) Error() string { return f.text(false) }

// text returns the problem, with the value unless it is secret.
func (f *fault) text(secret bool) string {
	if secret || f.value == "" || carriesLogin(f.value) {
		return f.problem
	}
	shown := quote(f.value)
	if f.quoted {
		shown = strconv.Quote(shorten(f.value))
	}
	return f.problem + ", not " + shown
}

// carriesLogin reports whether text may be a URL with a password, which a
// mistake can put under any key.
func carriesLogin(text string) bool {
	return strings.Contains(text, "://") && strings.Contains(text, "@")
}

// quote returns text shortened, and in quotes unless it is a plain number or word.
func quote(text string) string {
	text = shorten(text)
	if text == "" {
		return `""`
	}
	for _, c := range text {
		if !plain(c) && c != '.' {
			return strconv.Quote(text)
		}
	}
	return text
}

func shorten(text string) string {
	const longest = 64
	if r := []rune(text); len(r) > longest {
		return string(r[:longest]) + "..."
	}
	return text
}

// entry returns the part of a map's key that names one entry.
func entry(name string) string { return "." + quote(name) }

// plain reports whether c may stand in a name: a lower-case letter, a digit, _ or -.
func plain(c rune) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
