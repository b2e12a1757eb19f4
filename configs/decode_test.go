package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Promise: each mistake in the form of the file is reported with its place,
// key and fix.
func TestLoadFileMistakes(t *testing.T) {
	t.Parallel()
	const (
		integer = "[fix: write decimal digits only, without quotes, such as 10]"
		section = "must be a mapping of keys to values [fix: write one key per line, each with a colon, a space and its value]"
	)
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "http:\n  adr: x\n", "2:3: http.adr: unknown key [fix: write addr]"},
		{"unknown key in another style", "http: {bodyLimit: 1MiB}", "1:8: http.bodyLimit: unknown key [fix: write body_limit]"},
		{"unknown section", "htpt: {}\n", "1:1: htpt: unknown key [fix: write http]"},
		{"key of another section", "concurrency: 3\n", "1:1: concurrency: unknown key [fix: write it as worker.concurrency]"},
		{"key like no other", "log: {frobnicate: 1}\n", "1:7: log.frobnicate: unknown key [fix: remove it; the keys here are level, format]"},
		{"key with odd characters", "log: {'a b': 1}\n", "1:7: log: unknown key [fix: remove it; the keys here are level, format]"},
		{"repeated key", "log:\n  level: info\n  level: warn\n", "3:3: log.level: is given twice, first in line 2 [fix: remove one of the two]"},
		{"repeated section", "log: {}\nhttp: {}\nlog: {}\n", "3:1: log: is given twice, first in line 1 [fix: remove one of the two]"},
		{"repeated queue", "worker: {queues: {a: 1, a: 2}}\n", "1:25: worker.queues: is given twice, first in line 1 [fix: remove one of the two]"},
		{"section that is text", "http: yes please\n", "1:7: http: " + section},
		{"section that is a list", "http:\n- addr: x\n", "2:1: http: " + section},
		{"root that is a list", "- a\n", "1:1: " + section},
		{"root that is text", "hello\n", "1:1: " + section},
		{"map that is a list", "worker: {queues: [a]}", "1:18: worker.queues: " + section},
		{"list that is text", "roles: api\n", "1:8: roles: must be a list [fix: write [a, b], or one element per line after a dash]"},
		{"null in a list", "roles: [api, null]\n", "1:14: roles[1]: must be text [fix: put it in quotes]"},
		{"mapping as text", "http: {addr: {a: b}}", "1:14: http.addr: must be text [fix: put it in quotes]"},
		{"number as text", "redis: {username: 12}", "1:19: redis.username: must be text, not 12 [fix: put it in quotes]"},
		{"boolean as text", "redis: {username: true}", "1:19: redis.username: must be text, not true [fix: put it in quotes]"},
		{"line break in text", "redis:\n  username: |\n    me\n", "2:13: redis.username: must be one line without control characters [fix: remove the line break, often one at the end]"},
		{"text as number", "worker: {concurrency: ten}", "1:23: worker.concurrency: must be a whole number, not ten " + integer},
		{"quoted number", "worker: {concurrency: '8'}", `1:23: worker.concurrency: must be a whole number, not "8" ` + integer},
		{"octal number", "worker: {concurrency: 010}", "1:23: worker.concurrency: must be a whole number, not 010 " + integer},
		{"hexadecimal number", "worker: {concurrency: 0x10}", "1:23: worker.concurrency: must be a whole number, not 0x10 " + integer},
		{"grouped number", "worker: {concurrency: 1_0}", "1:23: worker.concurrency: must be a whole number, not 1_0 " + integer},
		{"fraction", "worker: {concurrency: 1.5}", "1:23: worker.concurrency: must be a whole number, not 1.5 " + integer},
		{"huge number", "worker: {concurrency: 99999999999999999999}", "1:23: worker.concurrency: must be a smaller number, not 99999999999999999999 [fix: write a smaller number]"},
		{"yes as boolean", "worker: {strict_priority: yes}", `1:27: worker.strict_priority: must be true or false, not yes [fix: write true or false, without quotes]`},
		{"quoted boolean", "worker: {strict_priority: 'true'}", `1:27: worker.strict_priority: must be true or false, not "true" [fix: write true or false, without quotes]`},
		{"number as boolean", "worker: {strict_priority: 1}", "1:27: worker.strict_priority: must be true or false, not 1 [fix: write true or false, without quotes]"},
		{"duration without unit", "http: {read_timeout: 30}", "1:22: http.read_timeout: must be a duration with a unit, not 30 [fix: write 30s for seconds]"},
		{"quoted duration without unit", "http: {read_timeout: '1.5'}", "1:22: http.read_timeout: must be a duration with a unit, not 1.5 [fix: write 1.5s for seconds]"},
		{"zero without unit", "worker: {stop_timeout: 0}", "1:24: worker.stop_timeout: must be a duration with a unit, not 0 [fix: write 0s for seconds]"},
		{"duration in days", "worker: {stop_timeout: 1d}", "1:24: worker.stop_timeout: must be a duration such as 30s or 1h30m, not 1d [fix: write numbers with the units h, m, s, ms]"},
		{"duration that is a boolean", "worker: {stop_timeout: true}", "1:24: worker.stop_timeout: must be a duration, not true [fix: write a duration such as 30s]"},
		{"size with a space", "http: {body_limit: 1 MiB}", `1:20: http.body_limit: must be a size such as 512KiB or 1MiB, not "1 MiB" [fix: write a whole number and one of B, KiB, MiB, GiB, KB, MB, GB, without a space]`},
		{"size that is a list", "http: {body_limit: [1MiB]}", "1:20: http.body_limit: must be a size [fix: write a size such as 512KiB or 1MiB]"},
		{"network with host bits", "handlers: {http_request: {allow_cidrs: [10.0.0.0/8, 10.1.2.3/16]}}", `1:53: handlers.http_request.allow_cidrs[1]: must be a network without host bits, not "10.1.2.3/16" [fix: write 10.1.0.0/16]`},
		{"address as network", "handlers: {http_request: {allow_cidrs: [10.1.2.3]}}", "1:41: handlers.http_request.allow_cidrs[0]: must be a network such as 10.1.0.0/16 or fd00::/8, not 10.1.2.3 [fix: write an address and a prefix length; one host is 10.1.2.3/32]"},
		{"place after a wide character", "redis: {username: 'é', pool_size: x}", "1:35: redis.pool_size: must be a whole number, not x " + integer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text)
			wantError(t, err, "legwork.yaml:"+tt.want)
		})
	}
}

// Promise: what is not YAML is reported with its place and the usual remedy.
func TestLoadSyntaxMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, place, fix string }{
		{"tab", "log:\n\tlevel: info\n", "2:1", "indent with spaces, not tabs"},
		{"tab at the top", "\tlog: {}\n", "1:1", "indent with spaces, not tabs"},
		{"open quote", "log: {level: 'info}\n", "1:14", "close the quotes"},
		{"open bracket", "roles: [api\n", "1:8", "close the bracket"},
		{"no space after the colon", "log:\n  level: info\n  format:json\n", "3:3", "put a colon and a space after the key"},
		{"reserved character", "log: {level: @info}\n", "1:14", "put the value in quotes"},
		{"two values", "log: level: info\n", "1:6", "indent the keys of a section alike, and put a value that contains a colon and a space in quotes"},
		{"uneven indentation", "log:\n  level: info\n format: json\n", "3:2", "indent the keys of a section alike, and put a value that contains a colon and a space in quotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text)
			if err == nil {
				t.Fatal("no error")
			}
			got := lines(t, err)
			if len(got) != 1 || !strings.HasPrefix(got[0], "legwork.yaml:"+tt.place+": is not valid YAML: ") || !strings.HasSuffix(got[0], " [fix: "+tt.fix+"]") {
				t.Errorf("got %q, want one error at %s with the fix %q", got, tt.place, tt.fix)
			}
		})
	}
}

// Promise: what a configuration does not need of YAML is refused where it stands.
func TestLoadRefusesYAMLFeatures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"anchor and alias", "http: &h {addr: ':1'}\nredis: *h\n", []string{
			"1:7: http: must be a plain value; anchors and aliases are not supported [fix: write the value out]",
			"2:8: redis: must be a plain value; anchors and aliases are not supported [fix: write the value out]",
		}},
		{"alias as a value", "log: {level: &l info, format: *l}\n", []string{
			"1:14: log.level: must be a plain value; anchors and aliases are not supported [fix: write the value out]",
			"1:31: log.format: must be a plain value; anchors and aliases are not supported [fix: write the value out]",
		}},
		{"merge key", "log:\n  <<: {level: info}\n", []string{"2:3: log: must not use the merge key << [fix: write the keys out]"}},
		{"tag", "log: !!map {level: info}\n", []string{"1:6: log: must be a plain value; tags are not supported [fix: remove the word that begins with !]"}},
		{"tag on a value", "log: {level: !!str info}\n", []string{"1:14: log.level: must be a plain value; tags are not supported [fix: remove the word that begins with !]"}},
		{"tag in a list", "roles: [!x api]\n", []string{"1:9: roles[0]: must be a plain value; tags are not supported [fix: remove the word that begins with !]"}},
		{"anchored list", "roles: &r [api]\n", []string{"1:8: roles: must be a plain value; anchors and aliases are not supported [fix: write the value out]"}},
		{"mapping as a key", "? a\n: b\n", []string{"1:1: must have plain names as keys [fix: write a name, a colon, a space and the value]"}},
		{"directive", "%YAML 1.2\n---\nlog: {}\n", []string{"1:1: must be plain YAML without directives [fix: remove the line that begins with %]"}},
		{"second document", "log: {}\n---\nhttp: {}\n", []string{"3:5: must be one YAML document [fix: remove everything from this --- on]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text)
			for i := range tt.want {
				tt.want[i] = "legwork.yaml:" + tt.want[i]
			}
			if diff := cmp.Diff(tt.want, lines(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
