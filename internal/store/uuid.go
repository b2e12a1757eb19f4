package store

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// timeOfUUIDv7 reads the creation time that a UUIDv7 carries (RFC 9562, 48 bits
// of Unix milliseconds). Any other id gives the zero time.
func timeOfUUIDv7(id string) time.Time {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return time.Time{}
	}
	var b [8]byte
	copy(b[2:], u[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:]))).UTC()
}
