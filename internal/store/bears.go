package store

// Numbers of fields in asynq's TaskMessage.
const (
	fieldID    = 3
	fieldQueue = 4
)

// Bears reports whether an encoded message is whole as far as its fields go, and
// bears that id and queue. It looks at no more than it must, without decoding: it is
// asked for each job that is taken.
func Bears(raw, id, queue string) bool {
	foundID, foundQueue := false, false
	for len(raw) > 0 {
		tag, rest, ok := cutVarint(raw)
		if !ok {
			return false
		}
		var value string
		if value, raw, ok = cutValue(tag&7, rest); !ok {
			return false
		}
		switch tag >> 3 {
		case fieldID:
			foundID = value == id
		case fieldQueue:
			foundQueue = value == queue
		}
	}
	return foundID && foundQueue
}

// cutValue reads a value of a protobuf wire type off the front; numbers read as "".
func cutValue(kind uint64, s string) (value, rest string, ok bool) {
	var n uint64
	switch kind {
	case 0:
		_, rest, ok = cutVarint(s)
		return "", rest, ok
	case 1:
		n = 8
	case 2:
		if n, s, ok = cutVarint(s); !ok {
			return "", s, false
		}
	case 5:
		n = 4
	default:
		return "", s, false
	}
	if n > uint64(len(s)) {
		return "", s, false
	}
	return s[:n], s[n:], true
}

// cutVarint reads a base-128 varint (protobuf's encoding of numbers) off the front.
func cutVarint(s string) (v uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < 10; i++ {
		v |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return v, s[i+1:], true
		}
	}
	return 0, s, false
}
