package failure

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint returns 16 hexadecimal digits that name the group of a failure, from
// the type of its job, its kind (a Kind of package store), its message, and the
// stack of a panic or "".
func Fingerprint(jobType, kind, message, stack string) string {
	sum := sha256.Sum256([]byte(jobType + "\x00" + kind + "\x00" + Normalise(message) + "\x00" + Frame(stack)))
	return hex.EncodeToString(sum[:8])
}

// Valid reports whether s has the form of a fingerprint.
func Valid(s string) bool {
	if len(s) != 16 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
