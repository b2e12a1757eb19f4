package configs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"legwork/configs"
)

// Promise: a file built to exhaust memory, stack or time is refused quickly.
func TestLoadHostileFiles(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	const fill = 1 << 20
	for name, text := range map[string]string{
		"billion laughs":   laughs.String(),
		"alias to itself":  "http: &h {addr: *h}\n",
		"larger than 1MiB": "# " + strings.Repeat("x", fill),
		"open brackets":    strings.Repeat("[", fill),
		"open braces":      strings.Repeat("{a: ", fill/4),
		"nested dashes":    strings.Repeat("- ", fill/2),
		"nested questions": strings.Repeat("? ", fill/2),
		"same key":         strings.Repeat("a: 1\n", fill/5),
		"many documents":   strings.Repeat("---\na: 1\n", fill/9),
		"many anchors":     "a: " + strings.Repeat("&a ", fill/3-1),
		"deep brackets":    strings.Repeat("[", 9_000),
		"deep braces":      strings.Repeat("{a: ", 3_000),
		"long key":         strings.Repeat("k", fill/2) + ": 1\n",
		"long value":       "log: {level: " + strings.Repeat("v", fill/2) + "}\n",
		"NUL":              "log: {level: \"\x00\"}\n",
		"escape code":      "log: {level: \x1b[31m}\n",
		"UTF-16":           "\xff\xfel\x00o\x00g\x00",
		"latin 1":          "redis: {username: \xe9}\n",
	} {
		t.Run(name, func(t *testing.T) { // one after another: each is timed
			began := time.Now()
			_, err := load(t, text)
			if err == nil {
				t.Fatal("no error")
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if n := len(err.Error()); n > 20_000 {
				t.Errorf("error has %d bytes", n)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Errorf("error holds a control character: %q", err.Error())
			}
		})
	}
}

// Promise: what cannot be text is refused at the character at fault.
func TestLoadTextMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"log: {}\n# \x07\n":      "2:3: holds the control character U+0007 [fix: remove it]",
		"log: {}\nredis: \xff\n": "2:8: is not UTF-8 text [fix: save the file as UTF-8]",
		"\ufeff\x00":             "1:1: holds the control character U+0000 [fix: remove it]",
	} {
		_, err := load(t, text)
		wantError(t, err, "legwork.yaml:"+want)
	}
}

// Promise: the limit of the size is 1 MiB exactly, comments included.
func TestLoadSizeLimit(t *testing.T) {
	t.Parallel()
	head := "log: {level: warn}\n# "
	text := head + strings.Repeat("x", 1<<20-len(head))
	if _, err := load(t, text); err != nil {
		t.Errorf("a file of 1 MiB: %v", err)
	}
	_, err := load(t, text+"x")
	wantError(t, err, "legwork.yaml: is larger than 1MiB [fix: check that this is the configuration file]")
}

// Promise: a long list still fits.
func TestLoadLongList(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("handlers:\n  http_request:\n    allow_cidrs:\n")
	for i := range 4000 {
		fmt.Fprintf(&text, "      - 10.%d.%d.0/24\n", i/256, i%256)
	}
	c, err := load(t, text.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Handlers.HTTPRequest.AllowCIDRs); n != 4000 {
		t.Errorf("read %d networks, want 4000", n)
	}
}

// FuzzLoad holds that no file makes Load panic or hang, that every error says
// where it is, and that a file that loads is valid and survives being written
// and read again.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "log: {level: info}", "roles: [api, worker]\nhttp:\n  addr: :80\n", "worker:\n  queues:\n    a: 1\n    b: 2\n",
		"redis: {url: 'rediss://u:p@h:1/2', password: |-\n  x\n}", "a: &a [*a]\n<<: *a", "? a\n: b", "- - -", "{[]: x}", "a: !t b",
		"http:\n  body_limit: 1MiB # c\n\n  read_timeout: \"1s\"\n", "---\n---\n", "%TAG ! x\n---\n", "a: >\n\n b", "log:\n\tlevel: x", "'", "\"\\x", "[}", "{]", ":", "? ", "- ? - :",
		"handlers: {http_request: {allow_cidrs: [::/0, 1.2.3.4/32]}}", "worker: {queues: {null: 1, 1: 2, true: 3, 1.5: 4}}", "roles:\n- api\n-\n", "jobs: {batch_limit: +1}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load(t, text)
		if err != nil {
			checkErrors(t, text, err)
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("loaded a configuration that is not valid: %v", err)
		}
		out, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := load(t, string(out))
		if err != nil {
			t.Fatalf("written as\n%s\nit does not load: %v", out, err)
		}
		if diff := diffConfig(c, again); diff != "" {
			t.Errorf("written as\n%s\nit reads differently: %s", out, diff)
		}
	})
}

func checkErrors(t *testing.T, text string, err error) {
	t.Helper()
	list, ok := errors.AsType[configs.Errors](err)
	if !ok || len(list) == 0 {
		t.Fatalf("error is %T %v, want configs.Errors", err, err)
	}
	for _, e := range list {
		if filepath.Base(e.File) != "legwork.yaml" || e.Problem == "" || e.Fix == "" {
			t.Errorf("error without file, problem or fix: %+v", e)
		}
		if e.Line < 0 || e.Line > strings.Count(text, "\n")+1 || e.Line > 0 && e.Column < 1 {
			t.Errorf("error outside of the file: %+v", e)
		}
	}
}
