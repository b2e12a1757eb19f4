package comparison

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// resident returns how much of this process is in memory now, and at most so
// far, in MB of a million bytes. Linux tells it (proc_pid_status(5)).
func resident() (now, peak float64, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read how much memory this process uses, which Linux tells: %w", err)
	}
	for name, to := range map[string]*float64{"VmRSS": &now, "VmHWM": &peak} {
		kib, err := strconv.ParseFloat(strings.TrimSuffix(statusField(string(text), name), " kB"), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s of this process: %w", name, err)
		}
		*to = kib * 1024 / 1e6
	}
	return now, peak, nil
}

// statusField returns a field of the text, or "".
func statusField(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
