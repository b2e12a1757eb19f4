package storetest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// FaultProxy is a network between a client and one server that can be broken.
// It is safe for concurrent use.
type FaultProxy struct {
	// URL leads to the server through the proxy.
	URL string

	network, upstream string
	listener          net.Listener
	running           sync.WaitGroup

	mu      sync.Mutex // guards all below
	changed *sync.Cond // fault has changed
	fault   fault
	latency time.Duration
	conns   map[net.Conn]struct{}
}

type fault int

const (
	none fault = iota
	cut
	blackHole
	dropReplies
	closed
)

// Proxy starts a proxy on the loopback interface in front of the server at a
// redis://, rediss:// or unix:// URL. It ends with the test.
func Proxy(t testing.TB, upstreamURL string) *FaultProxy {
	t.Helper()
	u, err := url.Parse(upstreamURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &FaultProxy{network: "tcp", upstream: u.Host, conns: map[net.Conn]struct{}{}}
	p.changed = sync.NewCond(&p.mu)
	switch u.Scheme {
	case "redis", "rediss":
	case "unix":
		p.network, p.upstream = "unix", u.Path
		u.Scheme, u.Path = "redis", ""
	default:
		t.Fatalf("storetest: a proxy cannot stand before %q: its clients learn the servers' own addresses", upstreamURL)
	}
	if p.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	p.URL = u.String()
	p.running.Go(p.serve)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.set(closed)
		p.running.Wait()
	})
	return p
}

// Cut resets all connections, and every new one at once.
func (p *FaultProxy) Cut() { p.set(cut) }

// BlackHole holds everything back, in both directions, and keeps connections
// open; new ones are accepted. What is held back arrives after Heal.
func (p *FaultProxy) BlackHole() { p.set(blackHole) }

// DropReplies lets commands through and loses the replies: the server does what
// the client never hears of.
func (p *FaultProxy) DropReplies() { p.set(dropReplies) }

// Heal ends the fault.
func (p *FaultProxy) Heal() { p.set(none) }

// Latency delays everything by d in each direction, until it is set to 0.
func (p *FaultProxy) Latency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

func (p *FaultProxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f == cut || f == closed {
		for c := range p.conns {
			reset(c)
		}
	}
	p.changed.Broadcast()
}

// reset closes the connection so that its other end sees an error, not the end
// of a conversation.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (p *FaultProxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.join(c) })
	}
}

// join connects c with the server until either end closes.
func (p *FaultProxy) join(c net.Conn) {
	defer reset(c)
	if !p.add(c) {
		return
	}
	defer p.drop(c)
	if !p.pass() {
		return
	}
	s, err := (&net.Dialer{}).DialContext(context.Background(), p.network, p.upstream)
	if err != nil {
		return
	}
	defer reset(s)
	if !p.add(s) {
		return
	}
	defer p.drop(s)
	var both sync.WaitGroup
	both.Go(func() { p.pump(s, c, false) })
	both.Go(func() { p.pump(c, s, true) })
	both.Wait()
}

func (p *FaultProxy) pump(dst, src net.Conn, replies bool) {
	defer func() {
		_ = dst.Close()
		_ = src.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil || !p.pass() {
			return
		}
		if replies && p.lost() {
			continue
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pass waits out latency and black hole; false means that the connection ends.
func (p *FaultProxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.latency; d > 0 {
		p.mu.Unlock()
		time.Sleep(d)
		p.mu.Lock()
	}
	for p.fault == blackHole {
		p.changed.Wait()
	}
	return p.fault != cut && p.fault != closed
}

func (p *FaultProxy) lost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault == dropReplies
}

func (p *FaultProxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == cut || p.fault == closed {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *FaultProxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
