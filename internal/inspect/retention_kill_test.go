package inspect_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"legwork/internal/archive"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// victimMark in the environment makes the test binary a process that sweeps until it
// is killed between a write and the deletion: its value is the URL of Redis and the
// directory, and the write after which it waits for its end. With "actions" in place of
// the directory it runs actions, and tells when so many jobs are done.
const victimMark = "LEGWORK_TEST_VICTIM"

func TestMain(m *testing.M) {
	if text := os.Getenv(victimMark); text != "" {
		beVictim(strings.Fields(text))
		return
	}
	goleak.VerifyTestMain(m)
}

func beVictim(args []string) {
	c, err := store.Open(store.Options{URL: args[0]})
	if err != nil {
		panic(err)
	}
	if args[1] == "actions" {
		runActions(c, number(args[2]))
	}
	s := &shelf{Writer: archive.New(archive.Options{Dir: args[1], Name: "victim"})}
	writes := 0
	s.after = func([][]byte) {
		if writes++; writes == number(args[2]) {
			_, _ = os.Stdout.WriteString("written\n")
			select {}
		}
	}
	_, err = retention(c, inspect.RetentionOptions{MaxCount: 10, Archive: s}).Sweep(context.Background())
	panic(err)
}

// Promise: a process that is killed between writing letters and deleting them loses
// none: they are there, and archived, and the next process archives them once more at
// most.
func TestRetentionIsKilled(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	all := bury(t, inst.Client, "default", 400, died)
	dir := newShelf(t)
	for _, writes := range []string{"1", "2"} {
		kill(t, inst.URL, dir.dir, writes)
		if n := inst.Client.Del(t.Context(), store.KeyRetention).Val(); n != 1 {
			t.Error("the victim did not hold the lock")
		}
		kept := left(t, inst.Client, "default")
		for id := range dir.lines(t) {
			kept = append(kept, id)
		}
		slices.Sort(kept)
		same(t, "kept or archived", slices.Compact(kept), all)
	}
	if n := sweep(t, retention(inst.Client, inspect.RetentionOptions{MaxCount: 10, Archive: dir})); n != 290 {
		t.Errorf("%d letters removed, want 290: the victims removed one batch of 100", n)
	}
	lines := dir.lines(t)
	same(t, "kept and archived", slices.Concat(left(t, inst.Client, "default"), keys(lines)), all)
	most := 0
	for _, copies := range lines {
		most = max(most, len(copies))
	}
	if most > 3 {
		t.Errorf("a letter is archived %d times after two kills, want three at most", most)
	}
}

// kill runs a victim until it has written, and kills it.
func kill(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimMark+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "written\n" {
		t.Errorf("the victim says %q %v", line, err)
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
}
