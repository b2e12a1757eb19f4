package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every documented form of the URL is read as documented.
func TestParse(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]address{
		"redis://localhost":       {nodes: []string{"localhost:6379"}},
		"redis://localhost/":      {nodes: []string{"localhost:6379"}},
		"redis://h:1/3":           {nodes: []string{"h:1"}, db: 3},
		"redis://h:1?db=3":        {nodes: []string{"h:1"}, db: 3},
		"redis://h:1/3?db=3":      {nodes: []string{"h:1"}, db: 3},
		"REDIS://h":               {nodes: []string{"h:6379"}},
		"redis://[::1]:7/1":       {nodes: []string{"[::1]:7"}, db: 1},
		"redis://[fe80::1]":       {nodes: []string{"[fe80::1]:6379"}},
		"redis://:p%40s%2Fs@h":    {nodes: []string{"h:6379"}, password: "p@s/s"},
		"redis://u:p@ss@h":        {nodes: []string{"h:6379"}, username: "u", password: "p@ss"},
		"rediss://u:p:p@h":        {nodes: []string{"h:6379"}, tls: true, username: "u", password: "p:p"},
		"unix:///run/r.sock":      {nodes: []string{"/run/r.sock"}},
		"unix:///a%20b@c?db=2":    {nodes: []string{"/a b@c"}, db: 2},
		"unix://u:p@/r.sock":      {nodes: []string{"/r.sock"}, username: "u", password: "p"},
		"redis-cluster://a,b:7":   {topology: cluster, nodes: []string{"a:6379", "b:7"}},
		"redis-cluster://a/0":     {topology: cluster, nodes: []string{"a:6379"}},
		"redis-cluster://a?tls=1": {topology: cluster, nodes: []string{"a:6379"}, tls: true},
		"redis-sentinel://a:1,b/m?db=2&tls=true&sentinel_username=s&sentinel_password=%26t": {
			topology: sentinel, nodes: []string{"a:1", "b:26379"}, master: "m", db: 2, tls: true,
			sentinelUsername: "s", sentinelPassword: "&t",
		},
		"redis-sentinel://u:p@[::1]:5,c/my%20m?tls=false": {
			topology: sentinel, nodes: []string{"[::1]:5", "c:26379"}, master: "my m", username: "u", password: "p",
		},
	} {
		got, err := parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(address{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

// What is wrong is refused, with the reason and what to do about it.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"localhost:6379":                       "no scheme",
		"embedded":                             "no scheme",
		"http://h":                             `unknown scheme "http"; use redis, rediss, unix`,
		"redis://":                             "names no host",
		"redis:///0":                           "names no host",
		"redis://h,":                           "several hosts",
		"redis-cluster://h,":                   "names no host",
		"redis://a,b":                          "use redis-cluster://",
		"redis://h:x":                          "port is not a number",
		"redis://h:0":                          "port is not a number from 1 to 65535",
		"redis://h:65536":                      "port is not a number from 1 to 65535",
		"redis://::1":                          "IPv6 address in brackets",
		"redis://a b":                          "a host is malformed",
		"redis://h/x":                          `database "x" is not a number`,
		"redis://h/-1":                         `database "-1" is not a number`,
		"redis://h/1?db=2":                     "give one of them",
		"redis://h?db=x":                       `database "x"`,
		"redis://h?db=1&db=2":                  "given 2 times",
		"redis://h?pool_size=3":                `unknown parameter "pool_size"; this kind of URL knows db`,
		"redis://h?a=%zz":                      "query cannot be read",
		"redis://u:a%zzb@h":                    "percent-encode it as %25",
		"redis://u:a#b@h":                      "percent-encode it as %23",
		"redis://u:a/b@h":                      "/ is %2F",
		"unix://run/r.sock":                    "no absolute socket path",
		"unix://":                              "no absolute socket path",
		"redis-sentinel://h":                   "names no master",
		"redis-sentinel://h/":                  "names no master",
		"redis-sentinel://h/a/b":               "names no master",
		"redis-sentinel://h/m?tls=maybe":       `tls is "maybe"; use true or false`,
		"redis-cluster://h/1":                  "database 0 only",
		"redis-cluster://h?db=1":               "database 0 only",
		"redis-cluster://h?sentinel_username=": `unknown parameter "sentinel_username"`,
	} {
		_, err := parse(url)
		if err == nil {
			t.Errorf("%s: accepted", url)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want it to say %q", url, err, want)
		}
	}
}

// A URL can be shown without its secrets.
func TestRedact(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://h:1/2":       "redis://h:1/2",
		"redis://user:pw@h:1": "redis://xxxxx@h:1",
		"redis://:p@w@h/1":    "redis://xxxxx@h/1",
		"redis://u:p/w@h":     "redis://xxxxx@h",
		"redis://u:p?w@h":     "redis://xxxxx@h",
		"redis://u:1/2?w@h":   "redis://xxxxx@h",
		"redis://u:1/2?a=w@h": "redis://xxxxx@h",
		"redis://u:p#w@h":     "redis://xxxxx@h",
		"u:p@h":               "xxxxx@h",
		"redis://h:secret":    "redis://h:xxxxx",
		"unix:///a@b?db=1":    "unix:///a@b?db=1",
		"unix://u:p@/a":       "unix://xxxxx@/a",
		"redis-sentinel://u:p@a:1,b:2/m?db=1&sentinel_username=s&sentinel_password=pw&x=y": "redis-sentinel://xxxxx@a:1,b:2/m?db=1&sentinel_username=s&sentinel_password=xxxxx&x=xxxxx",
		"redis://[::1]:1": "redis://[::1]:1",
		"redis://[::1]":   "redis://[::1]",
	} {
		if got := Redact(url); got != want {
			t.Errorf("Redact(%s): got %s, want %s", url, got, want)
		}
	}
}

// No password comes to light, neither through Redact nor through an error, and
// nothing panics, however the URL is broken around it.
func FuzzURL(f *testing.F) {
	for _, seed := range [][3]string{
		{"redis", "user", "h:6379/0"},
		{"rediss", "", "h,h/x?db=1"},
		{"redis-sentinel", "u%", "h:1,[::1]:x/m?tls=x&sentinel_password=s"},
		{"redis-cluster", "u:", "/?a=%zz"},
		{"unix", "u", "/a/b?db=-1"},
		{"", "u", "#"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	const secret = "S3cr3tP4ssw0rd"
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		if strings.Contains(scheme, "://") || strings.ContainsAny(user, "/?") {
			return
		}
		for _, decoration := range []string{"", "%", "#", "/", "?", "@", ":", "&", "="} {
			url := scheme + "://" + user + ":" + secret + decoration + "x@" + rest
			if shown := Redact(url); strings.Contains(shown, secret) {
				t.Errorf("Redact(%q) shows the password: %s", url, shown)
			}
			if _, err := parse(url); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error on %q shows the password: %v", url, err)
			}
		}
	})
}
