// Package legwork_test holds the checks of the repository as a whole: the README
// as a newcomer walks it, and the examples.
package legwork_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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
// the port is replaced by one that the system gave.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := freshCopy(t)
	steps := parseSteps(t, string(readme))
	if len(steps) < 8 {
		t.Fatalf("%d steps found in the README; has its form changed?", len(steps))
	}
	if !steps[0].background {
		t.Fatalf("README.md:%d: the first commands do not start legwork", steps[0].line)
	}
	addr := start(t, dir, steps[0])
	for _, s := range steps[1:] {
		s.commands = strings.ReplaceAll(s.commands, strings.TrimPrefix(client.BaseURLDefault, "http://"), addr)
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

// start runs the step until the end of the test and returns the address that it
// serves. The step chooses the port itself: one that is found free here may be
// another test's by the time it listens.
func start(t *testing.T, dir string, s step) (addr string) {
	t.Helper()
	c := shell(t, dir, "127.0.0.1:0", s.commands)
	out := &transcript{ready: make(chan string, 1)}
	c.Stdout, c.Stderr = out, out
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
	select {
	case addr = <-out.ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("README.md:%d: ended: %v\n%s", s.line, err, out)
	case <-time.After(5 * time.Minute): // a first run compiles everything
		t.Fatalf("README.md:%d: not ready\n%s", s.line, out)
	}
	return addr
}

// dashboardLine is where `legwork dev` says that it is ready, and its address.
var dashboardLine = regexp.MustCompile(`Dashboard +http://(\S+)/\s`)

// transcript keeps what a process prints and tells its address as soon as it
// stands there.
type transcript struct {
	ready chan string

	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	told bool
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(p)
	if m := dashboardLine.FindSubmatch(tr.text.Bytes()); m != nil && !tr.told {
		tr.told = true
		tr.ready <- string(m[1])
	}
	return len(p), nil
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
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
	if out, err := shell(t, dir, "", "go build -mod=mod -o hello .").CombinedOutput(); err != nil {
		t.Fatalf("build outside the repository: %v\n%s", err, out)
	}
	addr := start(t, dir, step{commands: "exec ./hello dev"})
	out, err := shell(t, dir, addr, `./hello enqueue hello.greet -f name=Ada --wait 10s`).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Hello, Ada!") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The example of a job that tells how it goes is followed from the command line.
func TestReportTellsHowItGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := shell(t, ".", "", "go build -o "+filepath.Join(dir, "report")+" ./examples/report").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	addr := start(t, dir, step{commands: "exec ./report dev"})
	out, err := shell(t, dir, addr, `./report jobs tail "$(./report enqueue report.build -f pages:=30 -f skip:=3)"`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"INFO report begun pages=30\n", `WARN page left out page=3 reason="no data"`, "progress ", "INFO report done built=29\n", "completed, attempt 1 of 3"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
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
