package app_test

import (
	"runtime"
	"runtime/metrics"
	"testing"

	"legwork/configs"
	"legwork/internal/store/storetest"
)

// Promise: while a process works, memory.gc_slack lets that much more garbage
// gather before Go collects; not once it has ended, and not where GOGC or
// GOMEMLIMIT says how Go should collect. It watches the whole test process, so it
// runs beside nothing else.
func TestGCSlack(t *testing.T) {
	const slack = 256 * configs.MiB
	for _, name := range []string{"", "GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"GOGC", "GOMEMLIMIT"} {
				t.Setenv(v, "")
			}
			if name != "" {
				t.Setenv(name, "100")
			}
			c := config(storetest.Redis(t))
			c.Memory.GCSlack = slack
			before := heapGoal()
			p := start(t, c, greet)
			during := heapGoal()
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			if got, want := during >= before+uint64(slack), name == ""; got != want {
				t.Errorf("heap goal %d, then %d; slack in force = %t, want %t", before, during, got, want)
			}
			if after := heapGoal(); after >= before+uint64(slack) {
				t.Errorf("heap goal %d, after the end %d: the slack is still held", before, after)
			}
		})
	}
}

// heapGoal is the heap at which Go collects next, as of a collection now.
func heapGoal() uint64 {
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	return goal[0].Value.Uint64()
}
