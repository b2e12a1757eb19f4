package control

import (
	"time"
)

// holdUp is from which delay on a goroutine counts as held up: as much as Redis may
// take for a command.
const holdUp = slow

// HeldUp says how the machine treated a goroutine that did nothing but sleep for a
// millisecond at a time. Redis is no better off: while the machine holds up others, its
// slow log has commands that are not slow.
type HeldUp struct {
	Times int     `json:"times"` // for more than 10 ms
	Max   float64 `json:"max"`   // milliseconds
}

// watchHoldUps watches until the function it returns is called.
func watchHoldUps() func() HeldUp {
	stop, found := make(chan struct{}), make(chan HeldUp)
	go func() {
		var h HeldUp
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-tick.C:
			case <-stop:
				found <- h
				return
			}
			late := time.Since(last) - time.Millisecond
			last = time.Now()
			h.Max = max(h.Max, float64(late.Microseconds())/1000)
			if late > holdUp {
				h.Times++
			}
		}
	}()
	return func() HeldUp {
		close(stop)
		return <-found
	}
}
