package storetest

import (
	"context"
	"testing"

	"legwork/internal/store/embedded"
)

// Embedded starts the embedded Redis that runs in this process. Its faults are
// those of the network: Kill makes it unreachable and Pause mute, but it keeps
// its data.
func Embedded(t testing.TB) Instance {
	t.Helper()
	s, err := embedded.Start(context.Background(), embedded.Options{Dir: shortDir(t), InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	p := Proxy(t, s.URL())
	i := Instance{t: t, URL: p.URL, parts: []part{link{p}}}
	i.Client = i.Open()
	return i
}

// link lets a broken network stand for a broken server.
type link struct{ proxy *FaultProxy }

func (l link) Kill()    { l.proxy.Cut() }
func (l link) Restart() { l.proxy.Heal() }
func (l link) Pause()   { l.proxy.BlackHole() }
func (l link) Resume()  { l.proxy.Heal() }
