package configs_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"legwork/configs"
)

// Promise: sizes are whole numbers of bytes with binary or decimal units.
func TestByteSizeUnmarshal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]configs.ByteSize{
		"0": 0, "1": 1, "1B": 1, "1048576": configs.MiB, "512KiB": 512 << 10, "1MiB": 1 << 20, "2GiB": 2 << 30,
		"1KB": 1000, "3MB": 3_000_000, "1GB": 1_000_000_000, "9223372036854775807": math.MaxInt64, "8589934591GiB": 8589934591 << 30,
	} {
		var s configs.ByteSize
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: got %d, %v, want %d", text, s, err, want)
		}
	}
	for _, text := range []string{
		"", "B", "MiB", "-1", "+1", "01", "1.5MiB", "1 MiB", " 1", "1M", "1k", "1kb", "1mib", "1MIB", "1TiB", "1iB", "1MiBMiB", "1e3", "0x10",
		"9223372036854775808", "8589934592GiB", "99999999999999999999GiB", "１", "1\x00",
	} {
		s := configs.ByteSize(7)
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: read as %d", text, s)
		} else if s != 7 {
			t.Errorf("%q: an error changed the value to %d", text, s)
		}
	}
}

// Promise: String uses the largest unit that loses nothing.
func TestByteSizeString(t *testing.T) {
	t.Parallel()
	for s, want := range map[configs.ByteSize]string{
		0: "0", 1: "1", 1000: "1KB", 1024: "1KiB", 1500: "1500", configs.MiB: "1MiB", 1536 * configs.KiB: "1536KiB",
		configs.MB: "1MB", 5 * configs.GiB: "5GiB", configs.GB: "1GB",
	} {
		if got := s.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(s), got, want)
		}
	}
}

// Promise: every size survives being written and read again.
func TestByteSizeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := configs.ByteSize(rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"))
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again configs.ByteSize
		if err := again.UnmarshalText(text); err != nil || again != s {
			t.Fatalf("%d was written as %s and read as %d, %v", s, text, again, err)
		}
	})
}
