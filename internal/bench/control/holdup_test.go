package control

import (
	"testing"
	"time"
)

// Promise: the report tells whether the machine was fit to be measured on.
func TestHoldUps(t *testing.T) {
	t.Parallel()
	held := watchHoldUps()
	<-time.After(5 * time.Millisecond)
	h := held()
	if h.Max < 0 || h.Times > 0 && h.Max <= 10 || h.Times == 0 && h.Max > 10 {
		t.Errorf("%+v: a number of delays above 10 ms, and the longest", h)
	}
}
