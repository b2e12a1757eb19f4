// Package legwork_test holds the checks of the repository as a whole: the README
// as a newcomer walks it, and the examples.
package legwork_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"legwork/client"
)

// step is one block of commands of the README and what its marker says of it.
type step struct {
	line       int
	commands   string
	background bool
	prints     string
}

// The README's commands work as written, in a fresh copy of the repository. Only
// the port is replaced by a free one.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := freshCopy(t)
	addr := freeAddr(t)
	steps := parseSteps(t, string(readme))
	if len(steps) < 8 {
		t.Fatalf("%d steps found in the README; has its form changed?", len(steps))
	}
	for _, s := range steps {
		s.commands = strings.ReplaceAll(s.commands, strings.TrimPrefix(client.BaseURLDefault, "http://"), addr)
		if s.background {
			start(t, dir, addr, s)
			continue
		}
		out := run(t, dir, addr, s)
		if !strings.Contains(out, s.prints) {
			t.Errorf("README.md:%d: the output does not contain %q:\n%s", s.line, s.prints, out)
		}
	}
	for _, made := range []string{"valley-320.jpg", "valley-160.jpg", "c.jpg"} {
		if info, err := os.Stat(filepath.Join(dir, ".legwork", made)); err != nil || info.Size() == 0 {
			t.Errorf("the walk did not make %s: %v", made, err)
		}
	}
}

// Every block of commands in the README says what the walk does with it.
func parseSteps(t *testing.T, readme string) []step {
	t.Helper()
	block := regexp.MustCompile("(?m)^(?:<!-- (.+) -->\n)?```sh\n((?s).*?)^```$")
	var steps []step
	for _, m := range block.FindAllStringSubmatchIndex(readme, -1) {
		line := strings.Count(readme[:m[4]], "\n")
		marker := ""
		if m[2] >= 0 {
			marker = readme[m[2]:m[3]]
		}
		s := step{line: line, commands: readme[m[4]:m[5]]}
		switch {
		case marker == "walk: in the background":
			s.background = true
		case strings.HasPrefix(marker, "walk: prints "):
			s.prints = strings.TrimPrefix(marker, "walk: prints ")
		case strings.HasPrefix(marker, "not walked: "):
			continue
		default:
			t.Fatalf("README.md:%d: the commands have no marker for the walk", line)
		}
		steps = append(steps, s)
	}
	return steps
}

// freshCopy is what a clone of the current state would hold.
func freshCopy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list, err := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "-z").Output()
	if err != nil {
		t.Fatalf("list the repository's files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		raw, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // deleted, and the deletion not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, raw, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func shell(t *testing.T, dir, addr, script string) *exec.Cmd {
	t.Helper()
	c := exec.Command("bash", "-euo", "pipefail", "-c", script)
	c.Dir = dir
	c.Env = append(os.Environ(), "LEGWORK_HTTP_ADDR="+addr, "LEGWORK_API_URL=http://"+addr)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

func run(t *testing.T, dir, addr string, s step) string {
	t.Helper()
	// serve and config refuse what they do not know, so the API's address goes
	// to the commands as it would from a user's shell.
	out, err := shell(t, dir, addr, s.commands).CombinedOutput()
	if err != nil {
		t.Fatalf("README.md:%d: %v\n%s%s", s.line, err, s.commands, out)
	}
	return string(out)
}

// start runs the step until the end of the test and returns once it serves.
func start(t *testing.T, dir, addr string, s step) {
	t.Helper()
	c := shell(t, dir, addr, s.commands)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGINT) // as Ctrl-C does
		select {
		case err := <-ended:
			t.Logf("legwork dev ended: %v", err)
		case <-time.After(30 * time.Second):
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			t.Error("legwork dev did not stop at an interrupt")
		}
	})
	deadline := time.Now().Add(5 * time.Minute) // a first run compiles everything
	for !answers(t.Context(), "http://"+addr+"/readyz") {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("README.md:%d: ended: %v\n%s", s.line, err, out.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("README.md:%d: not ready", s.line)
		}
	}
}

func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// A program outside the repository registers its own type in ten lines and gets
// the whole binary.
func TestHelloOutsideTheRepository(t *testing.T) {
	t.Parallel()
	repo, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, err := os.ReadFile("examples/hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	outside := strings.Replace(string(mod), "module legwork\n", "module hello\n", 1) +
		fmt.Sprintf("\nrequire legwork v0.0.0\n\nreplace legwork => %s\n", repo)
	for name, content := range map[string][]byte{"main.go": source, "go.mod": []byte(outside), "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := freeAddr(t)
	if out, err := shell(t, dir, addr, "go build -mod=mod -o hello .").CombinedOutput(); err != nil {
		t.Fatalf("build outside the repository: %v\n%s", err, out)
	}
	start(t, dir, addr, step{commands: "exec ./hello dev"})
	out, err := shell(t, dir, addr, `./hello enqueue hello.greet -f name=Ada --wait 10s`).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Hello, Ada!") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The released binary stays under 40 MB and answers within a second of its start.
func TestReleasedBinary(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "legwork")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./cmd/legwork").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	const limit = 40 << 20
	t.Logf("%.1f MB", float64(info.Size())/1e6)
	if info.Size() >= limit {
		t.Errorf("the binary has %d bytes, the limit is %d", info.Size(), limit)
	}
}
