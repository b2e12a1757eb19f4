package cmd

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// meter is a progress bar on stderr, or nothing when that is no terminal.
type meter struct{ bar *progressbar.ProgressBar }

// newMeter begins a bar over size bytes; -1 when nobody knows how many.
func (s *session) newMeter(title string, size int64) *meter {
	if !s.env.isTerminal(s.env.stderr) || size == 0 {
		return &meter{}
	}
	return &meter{bar: progressbar.NewOptions64(size,
		progressbar.OptionSetDescription(title),
		progressbar.OptionSetWriter(s.env.stderr),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

func (m *meter) add(n int) {
	if m.bar != nil {
		_ = m.bar.Add(n)
	}
}

// clear makes room for a line of text; the bar comes back with the next add.
func (m *meter) clear() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
}

// end takes the bar away.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Clear()
		_ = m.bar.Exit()
	}
}

// newCounter begins a bar over so many jobs; -1 when nobody knows how many.
func (s *session) newCounter(title string, jobs int64) *meter {
	if !s.env.isTerminal(s.env.stderr) || jobs == 0 {
		return &meter{}
	}
	return &meter{bar: progressbar.NewOptions64(jobs,
		progressbar.OptionSetDescription(title),
		progressbar.OptionSetWriter(s.env.stderr),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("jobs"),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

// reach sets how far it has come.
func (m *meter) reach(n int) {
	if m.bar != nil {
		_ = m.bar.Set(n)
	}
}
