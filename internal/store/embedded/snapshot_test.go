package embedded

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func newRedis(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	t.Cleanup(m.CtxCancel)
	return m
}

// Whatever a snapshot holds, reading it ends in an error or in records that can
// be restored; nothing panics.
func FuzzDecode(f *testing.F) {
	m := newRedis(f)
	m.DB(0).HSet("hash", "field", "value")
	m.DB(1).SetTTL("hash", time.Hour)
	if _, err := m.DB(0).ZAdd("zset", 1.5, "member"); err != nil {
		f.Fatal(err)
	}
	var whole bytes.Buffer
	if _, err := write(&whole, m); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes()[len(snapshotMagic) : whole.Len()-crc32.Size])
	f.Fuzz(func(t *testing.T, gob []byte) {
		raw := append([]byte(snapshotMagic), gob...)
		records, err := decode(binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
		if err != nil {
			return
		}
		m := newRedis(t)
		for _, r := range records {
			_ = r.restore(m.DB(r.DB), time.Now())
		}
	})
}

// A key whose time has come while nothing ran is not restored.
func TestRestoreExpired(t *testing.T) {
	t.Parallel()
	m := newRedis(t)
	r := record{Key: "key", Kind: "string", Values: []string{"1"}, Expires: time.Now().Add(-time.Second)}
	if err := r.restore(m.DB(0), time.Now()); err != nil || m.DB(0).Exists("key") {
		t.Errorf("restored, %v", err)
	}
}

// Keys of other kinds are left out and counted.
func TestSaveLeavesOut(t *testing.T) {
	t.Parallel()
	m := newRedis(t)
	if _, err := m.DB(0).XAdd("stream", "*", []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if left, err := write(&bytes.Buffer{}, m); left != 1 || err != nil {
		t.Errorf("left out %d, %v; want 1", left, err)
	}
}
