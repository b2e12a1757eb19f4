package failure

import "strings"

// schemeLength returns the length of a URL's scheme with the "://" behind it, or 0.
// A scheme with a number in it is none, but for Amazon's.
func schemeLength(text string) int {
	const longest = 20
	if strings.HasPrefix(text, "s3://") {
		return len("s3://")
	}
	n := 0
	for n < len(text) && n <= longest && (isLetter(text[n]) || strings.IndexByte("+-.", text[n]) >= 0) {
		n++
	}
	if n <= longest && strings.HasPrefix(text[n:], "://") {
		return n + len("://")
	}
	return 0
}

// url rewrites a URL whose scheme, with "://", has the given length: its host stays,
// user, port, path and query do not.
func (s *scanner) url(text string, scheme int) (n int, ok bool) {
	authority := authorityLength(text[scheme:])
	n = scheme + authority
	rest := text[n:]
	var path int
	switch {
	case strings.HasPrefix(rest, "/"+holePath):
		path = len("/" + holePath)
	case rest != "" && strings.IndexByte("/?#", rest[0]) >= 0:
		path = pathLength(rest)
	}
	if path == 0 {
		trimmed := len(strings.TrimRight(text[scheme:n], ".:@-"))
		n = scheme + trimmed
	}
	host := scanner{}
	if !host.host(text[scheme:n]) {
		return 0, false
	}
	out := text[:scheme] + string(host.out)
	if path > 0 {
		out += "/" + holePath
	}
	s.code = false
	return n + path, s.put(out)
}

// authorityLength is the length of user, host and port.
func authorityLength(text string) int {
	n := 0
	for n < len(text) {
		if c := text[n]; isAlnum(c) || strings.IndexByte("._~%:@+$-!&=", c) >= 0 {
			n++
			continue
		}
		if n == 0 && text[0] == '[' {
			n = bracketedAddress(text)
			if n > 0 {
				continue
			}
		}
		hole := ""
		if text[n] == '<' {
			hole = holeAt(text[n:])
		}
		switch hole {
		case holeNumber, holeID, holeAddress, holeUUID:
			n += len(hole)
		default:
			return n
		}
	}
	return n
}

// pathLength is the length of path, query and fragment, without the punctuation of
// the sentence around.
func pathLength(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool { return blank(r) || strings.ContainsRune("\"'`<>\\“”‘’«»", r) })
	if n < 0 {
		n = len(text)
	}
	return len(strings.TrimRight(text[:n], ".,:;!?)]}"))
}

// host rewrites the authority of a URL.
func (s *scanner) host(authority string) bool {
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if strings.HasPrefix(authority, "[") {
		return s.fill(holeAddress)
	}
	name, _, _ := strings.Cut(authority, ":")
	if n := address4(name); n > 0 && n == len(name) {
		return s.fill(holeAddress)
	}
	return s.names(name)
}

// names rewrites names with punctuation between.
func (s *scanner) names(text string) bool {
	for text != "" {
		n := alnum(text)
		var ok bool
		switch {
		case n > 0 && uuid(text) > 0:
			n = uuid(text)
			ok = s.fill(holeUUID)
		case n > 0:
			ok = s.part(text[:n])
		case holeAt(text) != "":
			n = len(holeAt(text))
			ok = s.put(text[:n])
		default:
			n = 1
			ok = s.put(text[:1])
		}
		if !ok {
			return false
		}
		text = text[n:]
	}
	return true
}
