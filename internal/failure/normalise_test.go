package failure_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"legwork/internal/failure"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":    "",
		"EOF": "EOF",
		// Go's net package.
		"dial tcp 127.0.0.1:5432: connect: connection refused":                                 "dial tcp <addr>: connect: connection refused",
		"dial tcp [2001:db8::1]:443: connect: no route to host":                                "dial tcp <addr>: connect: no route to host",
		"dial tcp [::]:443: bind: address already in use":                                      "dial tcp <addr>: bind: address already in use",
		"read tcp 10.1.2.3:43210->10.0.0.9:5432: read: connection reset by peer":               "read tcp <addr>-><addr>: read: connection reset by peer",
		"dial tcp: lookup db.internal on 127.0.0.53:53: no such host":                          "dial tcp: lookup db.internal on <addr>: no such host",
		"dial tcp: lookup db-17.internal: i/o timeout":                                         "dial tcp: lookup db-<n>.internal: i/o timeout",
		"localhost:6379: connection refused":                                                   "localhost:<n>: connection refused",
		`Get "https://api.example.com/v1/users/42": context deadline exceeded`:                 "Get <str>: context deadline exceeded",
		"GET https://api.example.com:8443/v1/users/42?q=a&b[0]=1: EOF":                         "GET https://api.example.com/<path>: EOF",
		"POST http://bob:secret@10.0.0.5:80/x (attempt 3)":                                     "POST http://<addr>/<path> (attempt <n>)",
		"see https://example.com.":                                                             "see https://example.com.",
		"x509: certificate has expired: current time 2026-11-25T06:50:08Z is after 2026-11-24": "x509: certificate has expired: current time <time> is after <time>",
		"fe80::1%eth0 and fe80::2%eth1, ::1, 00:1a:2b:3c:4d:5e":                                "<addr> and <addr>",
		"std::vector a::b dead::beef":                                                          "std::vector a::b dead::beef",
		"tls: first record does not look like a TLS handshake":                                 "tls: first record does not look like a TLS handshake",
		// Databases.
		`ERROR: duplicate key value violates unique constraint "users_email_key" (SQLSTATE 23505)`: "ERROR: duplicate key value violates unique constraint <str> (SQLSTATE 23505)",
		"ERROR: relation does not exist (SQLSTATE 42P01)":                                          "ERROR: relation does not exist (SQLSTATE 42P01)",
		"Error 1062 (23000): Duplicate entry '4711' for key 'orders.PRIMARY'":                      "Error <n> (<n>): Duplicate entry <str> for key <str>",
		"no such table: users":                                              "no such table: users",
		"Key (user_id)=(4711) is not present in table.":                     "Key (user_id)=(<n>) is not present in table.",
		"WRONGTYPE Operation against a key holding the wrong kind of value": "WRONGTYPE Operation against a key holding the wrong kind of value",
		// Mail.
		"550 5.1.1 <ann.lee+x@example.com>: Recipient address rejected":           "<n> <<email>>: Recipient address rejected",
		"smtp: 421 4.7.0 Try again later, closing connection. 98e67ed59e1d1-2f4b": "smtp: 421 <n> Try again later, closing connection. <id>-<id>",
		// HTTP.
		"https://hooks.example.com/T0/B1 answered 503 Service Unavailable": "https://hooks.example.com/<path> answered 503 Service Unavailable",
		"unexpected status code: 404":                                      "unexpected status code: 404",
		"request failed with status=429, retry in 1.5s":                    "request failed with status=429, retry in <dur>",
		"HTTP/1.1 500 Internal Server Error":                               "HTTP/<n> Internal Server Error",
		"exit status 137":                                                  "exit status 137",
		// JSON and Go.
		"invalid character '\\'' looking for beginning of value":                             "invalid character <str> looking for beginning of value",
		"json: cannot unmarshal string into Go struct field T.age of type int64":             "json: cannot unmarshal string into Go struct field T.age of type int64",
		`{"error":{"code":12,"message":"no \"luck\""}}`:                                      "{<str>:{<str>:<n>,<str>:<str>}}",
		"strconv.Atoi: parsing \"12x\": invalid syntax":                                      "strconv.Atoi: parsing <str>: invalid syntax",
		"panic: runtime error: index out of range [5] with length 3 [main.send:45]":          "panic: runtime error: index out of range [<n>] with length <n> [main.send:<n>]",
		"panic: runtime error: invalid memory address or nil pointer dereference [main.f:1]": "panic: runtime error: invalid memory address or nil pointer dereference [main.f:<n>]",
		"unexpected fault address 0xc000123456":                                              "unexpected fault address <hex>",
		"&{ID:17 Name:0x1f}":                                                                 "&{ID:<n> Name:<hex>}",
		"open /tmp/upload-123456/part-00017.bin: no such file or directory":                  "open /tmp/upload-<n>/part-<n>.bin: no such file or directory",
		`open C:\data\2024\x.csv: Access is denied.`:                                         `open C:\data\<n>\x.csv: Access is denied.`,
		// Ids, numbers, times.
		"order 6F1C1F9E-5b7c-4a57-9b2f-3f1d2c4b5a69 is gone":                            "order <uuid> is gone",
		"object 507f1f77bcf86cd799439011, ulid 01ARZ3NDEKTSV4RRFFQ69G5FAV":              "object <id>, ulid <id>",
		"customer cus_9s6XKzkNRiz8i3, pod api-7d9f8b6c5-x2v4q":                          "customer cus_<id>, pod api-<id>-<id>",
		"user_12 job-13 worker14":                                                       "user_<n> job-<n> worker<n>",
		"-5 of +7.25 or 1,234,567 and 1e-9, 50% of 10MB, 3rd":                           "<n> of <n> or <n> and <n> of <n>",
		"ids [1 2 3], (4, 5)":                                                           "ids [<n>], (<n>)",
		"timeout after 1m30s, 250ms, 1.5µs":                                             "timeout after <dur>",
		"at 2024-01-02 15:04:05.123 +0000 UTC m=+0.5 and Mon, 02 Jan 2006 15:04:05 GMT": "at <time> and <time>",
		"on Tue Feb  3 15:04:05 2026 it was 15:04:05 or 2024/01/02 03:04:05":            "on <time> it was <time> or <time>",
		"disk 5-7 of sda1":                         "disk <n>-<n> of sda<n>",
		"can't read O'Brien's file 'x y'":          "can't read O'Brien's file <str>",
		"„x“ or “y” or ‘z’ or «w»":                 "<str> or <str> or <str> or <str>",
		"größe 12 zu groß für Gerät5":              "größe <n> zu groß für Gerät<n>",
		"  a \t b\r\n\n\x00 c  \n":                 "a b\nc",
		"one\ntwo\nthree\nfour\nfive":              "one\ntwo\nthree\nfour",
		"boom\n\ngoroutine 7 [running]:\nmain.f()": "boom",
		strings.Repeat("a", 70) + " b":             "<id> b",
		"cut \xff\xfe here":                        "cut here",
		"unclosed \"quote here":                    "unclosed \"quote here",
	} {
		if got := failure.Normalise(in); got != want {
			t.Errorf("Normalise(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestCausesAreToldApart(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"dial tcp 10.0.0.1:5432: connect: connection refused", "dial tcp 10.0.0.1:5432: i/o timeout"},
		{"no such table: a", "no such table: b"},
		{"unexpected status 404", "unexpected status 500"},
		{"(SQLSTATE 23505)", "(SQLSTATE 23503)"},
		{"GET https://a.example.com/x: EOF", "GET https://b.example.com/x: EOF"},
		{"cannot unmarshal string into type int64", "cannot unmarshal string into type int32"},
		{"lookup a.internal: no such host", "lookup b.internal: no such host"},
		{"panic: x [main.f:1]", "panic: x [main.g:1]"},
	} {
		if a, b := failure.Normalise(pair[0]), failure.Normalise(pair[1]); a == b {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], a)
		}
	}
}

func TestFingerprintTellsTypeAndKindApart(t *testing.T) {
	t.Parallel()
	base := failure.Fingerprint("email.send", "error", "user 1 is gone", "")
	if other := failure.Fingerprint("email.send", "error", "user 2 is gone", ""); other != base {
		t.Errorf("fingerprints of one cause: %s and %s", base, other)
	}
	stack := "goroutine 1 [running]:\nmain.f()\n"
	for _, other := range []string{
		failure.Fingerprint("email.receive", "error", "user 1 is gone", ""),
		failure.Fingerprint("email.send", "timeout", "user 1 is gone", ""),
		failure.Fingerprint("email.send", "error", "user 1 is here", ""),
		failure.Fingerprint("email.send", "error", "user 1 is gone", stack),
	} {
		if other == base {
			t.Errorf("fingerprint %s of another cause", other)
		}
	}
	for s, want := range map[string]bool{base: true, "": false, base + "0": false, strings.ToUpper("abcdef0123456789"): false, "g123456789abcdef": false} {
		if failure.Valid(s) != want {
			t.Errorf("Valid(%q) = %v", s, !want)
		}
	}
}

// message generates what messages are made of, so that pieces meet that seldom do.
func message() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{
		" ", " ", "\n", "\t", "<", ">", "<n>", "<id>", "<str>", "<path>", "<addr>", "/<path>", "'", "\"", "`", "\\", "\\\"", "“", "”", "‘", "«", ":", "::", ".", ",", ", ", "-", "+", "%", "@", "(", ")", "[", "]",
		"{", "}", "=", "/", "?", "#", "_", "0", "1", "12", "404", "5432", "a", "b", "Z", "é", "µs", "s", "ms", "e", "x", "0x", "deadbeef", "1f", "x509", "status", "code", "HTTP", "https://", "a://", "x.com", "10.0.0.1", "::1",
		"fe80::", "2024-01-02", "T15:04:05", "15:04:05", "Z", " UTC", " m=+", "a@b.c", "Mon, 02 Jan 2006 15:04:05 GMT", "6f1c1f9e-5b7c-4a57-9b2f-3f1d2c4b5a69", "goroutine ", "KB", "\x00", "\xff", "00:1a:2b:3c:4d:5e", "user:pw@",
	})
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "plain") == 0 {
			return rapid.String().Draw(t, "text")
		}
		return strings.Join(rapid.SliceOfN(pieces, 0, 40).Draw(t, "pieces"), "")
	})
}

func TestNormaliseTwiceIsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { sound(t, message().Draw(t, "message")) })
}

// sound fails the test unless the message's normalised form is bounded, readable,
// and its own normalised form.
func sound(t interface{ Fatalf(string, ...any) }, in string) {
	once := failure.Normalise(in)
	if twice := failure.Normalise(once); twice != once {
		t.Fatalf("Normalise(%q)\n  = %q\nthen %q", in, once, twice)
	}
	if len(once) > 1<<10 || !utf8.ValidString(once) || strings.TrimSpace(once) != once {
		t.Fatalf("Normalise(%q) = %q", in, once)
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("dial tcp 10.0.0.1:5432: connect: connection refused")
	f.Add(`Get "https://a:b@x.com:80/p?q=1": status 404, at 2024-01-02T15:04:05Z`)
	f.Add("a\n'b' “c” \\\" <n> <n>, <n> 1h30m 10MB x509 fe80::1%eth0 a@b.c 0xff")
	f.Fuzz(func(t *testing.T, in string) { sound(t, in) })
}

// TestNormaliseIsLinear holds that no message of 8 KiB keeps a processor for long,
// whatever it is made of.
func TestNormaliseIsLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range worstPieces() {
		message := strings.Repeat(piece, 8<<10/len(piece))
		var best time.Duration
		for range 5 {
			start := time.Now()
			failure.Normalise(message)
			if d := time.Since(start); best == 0 || d < best {
				best = d
			}
		}
		if best > 10*time.Millisecond {
			t.Errorf("8 KiB of %q take %s", piece, best)
		}
	}
}

func worstPieces() []string {
	return []string{
		"a", "1", "\"", "'", "“", "« ", "a.", "1.", "1,", "a:", ":", "1:", "::", "[", "[:", "a@", "\\", "\\\"", "<", "<n>", "<n> ", "-1", "a-", "a1", "/", "https://", "h://a:", "\n", "a\n", " ", "0000-00-00 ", "Mon ", "1h", "1e", "é", "a+", "deadbeef-",
		"dial tcp 10.2.0.7:5432: connect: connection refused, ",
	}
}

func BenchmarkNormalise(b *testing.B) {
	for name, message := range map[string]string{
		"typical":   "dial tcp 10.2.0.7:5432: connect: connection refused",
		"8KiB":      strings.Repeat("dial tcp 10.2.0.7:5432: connect: connection refused, ", 160)[:8<<10],
		"8KiB-json": strings.Repeat(`{"id":4711,"name":"ann","at":"2024-01-02T15:04:05Z"},`, 160)[:8<<10],
	} {
		b.Run(name, func(b *testing.B) { benchmarkNormalise(b, message) })
	}
	for _, piece := range worstPieces() {
		b.Run("8KiB of "+strconv.Quote(piece), func(b *testing.B) { benchmarkNormalise(b, strings.Repeat(piece, 8<<10/len(piece))) })
	}
}

func benchmarkNormalise(b *testing.B, message string) {
	b.ReportAllocs()
	for b.Loop() {
		failure.Normalise(message)
	}
}
