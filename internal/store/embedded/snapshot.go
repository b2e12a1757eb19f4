package embedded

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A snapshot is the line snapshotMagic, one gob stream of records, and the
// CRC-32 (IEEE, big endian) of all before it.
const (
	snapshotName  = "memory.snapshot"
	snapshotMagic = "legwork memory snapshot 1\n"
	databases     = 16 // as many as Redis has by default
)

var errCorrupt = errors.New("damaged snapshot")

// record is one key. What its values are depends on the kind.
type record struct {
	DB      int
	Key     string
	Kind    string    // as TYPE says
	Expires time.Time // zero for never
	Values  []string  // string: one; hash: field, value, ...; list, set, zset: members
	Scores  []float64 // zset: of each member
}

// save writes all keys to the file, which changes in one step or not at all. It
// returns how many keys it left out. Nobody may use m meanwhile.
func save(path string, m *miniredis.Miniredis) (left int, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), snapshotName+".tmp-")
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if left, err = write(f, m); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	return left, os.Rename(f.Name(), path)
}

func write(f io.Writer, m *miniredis.Miniredis) (left int, err error) {
	sum := crc32.NewIEEE()
	buf := bufio.NewWriter(f)
	out := io.MultiWriter(buf, sum)
	if _, err := io.WriteString(out, snapshotMagic); err != nil {
		return 0, err
	}
	enc := gob.NewEncoder(out)
	now := time.Now()
	for n := range databases {
		db := m.DB(n)
		for _, key := range db.Keys() {
			r := record{DB: n, Key: key, Kind: db.Type(key)}
			if ttl := db.TTL(key); ttl > 0 {
				r.Expires = now.Add(ttl)
			}
			if !r.read(db) {
				left++
				continue
			}
			if len(r.Values) == 0 {
				continue
			}
			if err := enc.Encode(r); err != nil {
				return 0, err
			}
		}
	}
	if err := binary.Write(buf, binary.BigEndian, sum.Sum32()); err != nil {
		return 0, err
	}
	return left, buf.Flush()
}

// read fills the values from the key; false means its kind is unknown. The key
// exists and has that type, so the errors that tell otherwise cannot occur.
func (r *record) read(db *miniredis.RedisDB) bool {
	switch r.Kind {
	case "string":
		v, _ := db.Get(r.Key)
		r.Values = []string{v}
	case "list":
		r.Values, _ = db.List(r.Key)
	case "set":
		r.Values, _ = db.Members(r.Key)
	case "hash":
		fields, _ := db.HKeys(r.Key)
		for _, f := range fields {
			r.Values = append(r.Values, f, db.HGet(r.Key, f))
		}
	case "zset":
		scores, _ := db.SortedSet(r.Key)
		for member, score := range scores {
			r.Values = append(r.Values, member)
			r.Scores = append(r.Scores, score)
		}
	default:
		return false
	}
	return true
}

// load puts the keys of the file into m, less those that have expired since. A
// file that does not exist is an empty snapshot. Of one that is damaged
// (errCorrupt) nothing is loaded.
func load(path string, m *miniredis.Miniredis) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the snapshot: %w", err)
	}
	records, err := decode(raw)
	if err != nil {
		return fmt.Errorf("%w %q: %w", errCorrupt, path, err)
	}
	for _, r := range records {
		if err := r.restore(m.DB(r.DB), time.Now()); err != nil {
			return fmt.Errorf("restore key %q: %w", r.Key, err)
		}
	}
	return nil
}

func decode(raw []byte) ([]record, error) {
	if !bytes.HasPrefix(raw, []byte(snapshotMagic)) {
		return nil, fmt.Errorf("it does not begin with %q", snapshotMagic)
	}
	end := len(raw) - crc32.Size
	if end < len(snapshotMagic) || crc32.ChecksumIEEE(raw[:end]) != binary.BigEndian.Uint32(raw[end:]) {
		return nil, errors.New("its checksum is wrong")
	}
	dec := gob.NewDecoder(bytes.NewReader(raw[len(snapshotMagic):end]))
	var records []record
	for {
		var r record
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, err
		case !r.valid():
			return nil, fmt.Errorf("key %q of kind %q is inconsistent", r.Key, r.Kind)
		}
		records = append(records, r)
	}
}

func (r record) valid() bool {
	if r.DB < 0 || r.DB >= databases || len(r.Values) == 0 {
		return false
	}
	switch r.Kind {
	case "string":
		return len(r.Values) == 1
	case "hash":
		return len(r.Values)%2 == 0
	case "zset":
		return len(r.Values) == len(r.Scores)
	}
	return r.Kind == "list" || r.Kind == "set"
}

func (r record) restore(db *miniredis.RedisDB, now time.Time) (err error) {
	if !r.Expires.IsZero() && !r.Expires.After(now) {
		return nil
	}
	switch r.Kind {
	case "string":
		err = db.Set(r.Key, r.Values[0])
	case "list":
		_, err = db.Push(r.Key, r.Values...)
	case "set":
		_, err = db.SetAdd(r.Key, r.Values...)
	case "hash":
		db.HSet(r.Key, r.Values...)
	case "zset":
		for i, member := range r.Values {
			if _, err := db.ZAdd(r.Key, r.Scores[i], member); err != nil {
				return err
			}
		}
	}
	if err == nil && !r.Expires.IsZero() {
		db.SetTTL(r.Key, r.Expires.Sub(now))
	}
	return err
}
