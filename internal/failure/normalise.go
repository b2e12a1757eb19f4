package failure

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	inputMax  = 8 << 10 // bytes of a message that are read
	outputMax = 1 << 10 // bytes of a normalised one
	linesMax  = 4       // lines of it
)

// What stands for a piece of a message.
const (
	holeAddress  = "<addr>"
	holeDuration = "<dur>"
	holeEmail    = "<email>"
	holeHex      = "<hex>"
	holeID       = "<id>"
	holeNumber   = "<n>"
	holePath     = "<path>"
	holeString   = "<str>"
	holeTime     = "<time>"
	holeUUID     = "<uuid>"
)

// Normalise returns the message without what differs between failures of one cause:
// ids, numbers, times, addresses and what is quoted give way to what they are, in
// angle brackets. It reads the first 8 KiB and returns at most the first four lines
// that say something, and 1 KiB. A stack behind the message is left out. Its cost is
// linear, and what it returns is returned unchanged when it is given that.
func Normalise(message string) string {
	if len(message) > inputMax {
		message = message[:inputMax]
	}
	if !utf8.ValidString(message) {
		message = strings.ToValidUTF8(message, "")
	}
	var s scanner
	lines := 0
	for line := range strings.Lines(message) {
		line = strings.TrimFunc(line, blank)
		if line == "" {
			continue
		}
		if lines > 0 && startsStack(line) || lines == linesMax {
			break
		}
		if lines > 0 && !s.put("\n") {
			break
		}
		lines++
		if !s.line(line) {
			break
		}
	}
	return strings.TrimRight(string(s.out), " \n")
}

// blank reports whether the rune is white space, or one that nobody sees.
func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// startsStack reports whether the line is the first of a goroutine's stack.
func startsStack(line string) bool {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	return ok && rest != "" && isDigit(rest[0]) && strings.Contains(rest, " [")
}

// scanner rewrites one line after the other. Whatever it decides, it decides by
// what it has written so far and by the text ahead that is going to stay, so that a
// second reading decides the same.
type scanner struct {
	out  []byte
	code bool   // a word that announces a code was written, and nothing else since
	hole string // written last, or ""
	end  int    // of that hole, in out
	open string // what closes those quotes that nothing closes in the rest of the line
}

// put writes text as it is; false when there is no room for it.
func (s *scanner) put(text string) bool {
	if len(s.out)+len(text) > outputMax {
		return false
	}
	s.out = append(s.out, text...)
	return true
}

// fill writes a hole. Several of one sort in a row, as of a list, become one.
func (s *scanner) fill(hole string) bool {
	s.code = false
	if s.hole == hole {
		switch string(s.out[s.end:]) {
		case " ", ",", ", ":
			s.out = s.out[:s.end]
			return true
		}
	}
	if !s.put(hole) {
		return false
	}
	s.hole, s.end = hole, len(s.out)
	return true
}

// last is the last byte written in this line, or 0.
func (s *scanner) last() byte {
	if len(s.out) == 0 || s.out[len(s.out)-1] == '\n' {
		return 0
	}
	return s.out[len(s.out)-1]
}

// line rewrites one line; false when there is no more room.
func (s *scanner) line(text string) bool {
	s.code, s.open = false, ""
	for text != "" {
		n, ok := s.step(text)
		if !ok {
			return false
		}
		text = text[n:]
	}
	return true
}

// step rewrites what the text begins with and returns its length.
func (s *scanner) step(text string) (n int, ok bool) {
	c := text[0]
	switch {
	case isAlnum(c):
		return s.word(text)
	case c == '<':
		if hole := holeAt(text); hole != "" {
			return len(hole), s.fill(hole)
		}
	case c == '[':
		if n := bracketedAddress(text); n > 0 {
			return n, s.fill(holeAddress)
		}
	case c == ':' && !isWordEnd(s.last()):
		if n := address6(text); n > 0 {
			return n, s.fill(holeAddress)
		}
	case c == '\\' && len(text) > 1 && (text[1] == '\\' || quoteEnd(text[1:2]) != ""):
		s.code = false
		return 2, s.put(text[:2])
	case (c == '-' || c == '+' || c == '.') && len(text) > 1 && isDigit(text[1]) && startsNumber(s.last()):
		s.code = false
		n, ok = s.word(text[1:])
		return n + 1, ok
	}
	if n := s.quoted(text); n > 0 {
		return n, s.fill(holeString)
	}
	return s.other(text)
}

// other writes one rune that begins nothing; of several blanks one.
func (s *scanner) other(text string) (n int, ok bool) {
	r, n := utf8.DecodeRuneInString(text)
	if blank(r) {
		if s.last() == ' ' {
			return n, true
		}
		return n, s.put(" ")
	}
	s.code = s.code && strings.ContainsRune(":=(", r)
	return n, s.put(text[:n])
}

// holeAt returns the hole that the text begins with, or "".
func holeAt(text string) string {
	end := strings.IndexByte(text[:min(len(text), len(holeEmail))], '>') + 1
	switch hole := text[:end]; hole {
	case holeAddress, holeDuration, holeEmail, holeHex, holeID, holeNumber, holePath, holeString, holeTime, holeUUID:
		return hole
	}
	return ""
}

// quoteEnd returns what closes the quote that the text begins with, or "".
func quoteEnd(text string) string {
	switch {
	case text[0] == '"' || text[0] == '\'' || text[0] == '`':
		return text[:1]
	case strings.HasPrefix(text, "“"):
		return "”"
	case strings.HasPrefix(text, "„"):
		return "“"
	case strings.HasPrefix(text, "‘"):
		return "’"
	case strings.HasPrefix(text, "«"):
		return "»"
	}
	return ""
}

// quoted returns the length of the quoted piece that the text begins with, or 0. An
// apostrophe within a word quotes nothing.
func (s *scanner) quoted(text string) int {
	end := quoteEnd(text)
	if end == "" || strings.Contains(s.open, end) || end == "'" && isWordEnd(s.last()) {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && len(end) == 1:
			i++
		case text[i] == end[0] && strings.HasPrefix(text[i:], end):
			return i + len(end)
		}
	}
	s.open += end
	return 0
}

// isWordEnd reports whether what is written after c may belong to the same word.
func isWordEnd(c byte) bool { return isAlnum(c) || c == '_' || c == '>' || c >= utf8.RuneSelf }

// startsNumber reports whether a sign after c is one of a number.
func startsNumber(c byte) bool { return c == 0 || strings.IndexByte(" ([{=:,|", c) >= 0 }

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
