package jobs

import (
	"strconv"
	"strings"
)

// Length limits of names, in bytes.
const (
	TypeNameMax  = 64
	QueueNameMax = 64
	IDMax        = 128
	TagMax       = 64
	TagsMax      = 16
)

// CheckType says why name cannot be a job type, or "" when it can. A type is 1
// to [TypeNameMax] bytes of a-z, 0-9, dot, underscore and hyphen.
func CheckType(name string) string {
	return checkName(name, TypeNameMax, "a type is made of a-z, 0-9, '.', '_' and '-'", func(c byte) bool {
		return lowerDigit(c) || c == '.' || c == '_' || c == '-'
	})
}

// CheckQueue says why name cannot be a queue, or "" when it can. A queue is 1
// to [QueueNameMax] bytes of a-z, 0-9, underscore and hyphen.
func CheckQueue(name string) string {
	return checkName(name, QueueNameMax, "a queue is made of a-z, 0-9, '_' and '-'", func(c byte) bool {
		return lowerDigit(c) || c == '_' || c == '-'
	})
}

// CheckID says why id cannot be a job id, or "" when it can. An id is 1 to
// [IDMax] bytes of letters, digits, dot, underscore, colon and hyphen; the
// braces of a Redis Cluster hash tag are not among them. "." and ".." are steps
// in a path, and batch, export and import calls of the API below /v1/jobs: not ids.
func CheckID(id string) string {
	switch id {
	case ".", "..":
		return "must not be a step in a path"
	case "batch", "export", "import":
		return "must not be batch, export or import: these are calls of the API"
	}
	return checkName(id, IDMax, "an id is made of letters, digits, '.', '_', ':' and '-'", func(c byte) bool {
		return lowerDigit(c) || c >= 'A' && c <= 'Z' || strings.IndexByte("._:-", c) >= 0
	})
}

// CheckTag says why tag cannot be a tag, or "" when it can. A tag is 1 to
// [TagMax] printable ASCII bytes without a comma or a space.
func CheckTag(tag string) string {
	return checkName(tag, TagMax, "a tag is made of printable ASCII without space and comma", func(c byte) bool {
		return c > ' ' && c < 0x7f && c != ','
	})
}

func lowerDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func checkName(s string, most int, rule string, ok func(byte) bool) string {
	if s == "" {
		return "must not be empty"
	}
	if len(s) > most {
		return "is longer than " + strconv.Itoa(most) + " bytes"
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return rule
		}
	}
	return ""
}
