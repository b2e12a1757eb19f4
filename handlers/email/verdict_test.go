package email

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"legwork/jobs"
)

func wantVerdict(t *testing.T, err error, want jobs.Verdict, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the job completed")
	}
	d := jobs.Decide(err)
	if d.Verdict != want {
		t.Errorf("verdict %d for %q, want %d", d.Verdict, err, want)
	}
	for _, s := range says {
		if !strings.Contains(d.Reason, s) {
			t.Errorf("%q does not say %q", d.Reason, s)
		}
	}
	if strings.Contains(d.Reason, testPassword) || strings.ContainsAny(d.Reason, "\r\n") {
		t.Errorf("%q holds the password or a line break", d.Reason)
	}
}

// The first digit of the reply decides, at every step; a refused recipient is
// named and nobody gets the message.
func TestReplyDecides(t *testing.T) {
	t.Parallel()
	in := simple()
	in.Cc = []string{"bad@example.com"}
	for name, c := range map[string]struct {
		s    *server
		want jobs.Verdict
		says string
	}{
		"unknown recipient":   {&server{rcptReply: map[string]error{"bad@example.com": reply(550, "no such user")}}, jobs.VerdictPermanent, "bad@example.com"},
		"recipient busy":      {&server{rcptReply: map[string]error{"bad@example.com": reply(451, "try later")}}, jobs.VerdictRetry, "451"},
		"sender refused":      {&server{mailReply: reply(553, "not you")}, jobs.VerdictPermanent, "553"},
		"sender slowed down":  {&server{mailReply: reply(421, "slow down")}, jobs.VerdictRetry, "421"},
		"content refused":     {&server{dataReply: reply(554, "spam")}, jobs.VerdictPermanent, "spam"},
		"multi-line reply":    {&server{dataReply: reply(554, "spam\nvery much so")}, jobs.VerdictPermanent, "very much so"},
		"content not now":     {&server{dataReply: reply(452, "disk full")}, jobs.VerdictRetry, "disk full"},
		"two bad, both sorts": {&server{rcptReply: map[string]error{"ann@example.com": reply(451, "later"), "bad@example.com": reply(550, "none")}}, jobs.VerdictPermanent, "550"},
	} {
		s := start(t, c.s)
		_, err := send(t, s.options, in)
		t.Log(name)
		wantVerdict(t, err, c.want, c.says, "mail server 127.0.0.1:"+strconv.Itoa(s.options.Port))
		if len(s.taken) > 0 {
			t.Errorf("%s: a message was taken", name)
		}
	}
}

// Once the server has taken the message the job is done, whatever becomes of the
// connection: trying again would send it twice.
func TestTakenIsDone(t *testing.T) {
	t.Parallel()
	s := start(t, &server{hangUp: true})
	if _, err := send(t, s.options, simple()); err != nil {
		t.Error(err)
	}
	<-s.taken
}

// A wrong password is final, a server that cannot check it now is not; the
// password is in neither text, even when the server repeats it.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	o := s.options
	o.Username, o.Password = testUser, testPassword
	if _, err := send(t, o, simple()); err != nil {
		t.Fatal(err)
	}
	if got := <-s.taken; got.user != testUser {
		t.Errorf("logged in as %q", got.user)
	}
	o.Username = "someone"
	_, err := send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictPermanent, "535", "handlers.email_send.username")

	busy := start(t, &server{authReply: reply(454, "later, "+testPassword)})
	o = busy.options
	o.Username, o.Password = testUser, testPassword
	_, err = send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictRetry, "454")
}

// A password never travels in clear text, whatever the server offers.
func TestLoginNeedsEncryption(t *testing.T) {
	t.Parallel()
	s := start(t, &server{plain: true})
	o := s.options
	o.TLS, o.Username, o.Password = TLSNone, testUser, testPassword
	_, err := send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictPermanent, "handlers.email_send.tls")
	if len(s.taken) > 0 {
		t.Error("a message was taken")
	}
}

// A server that cannot be reached, or falls silent, is tried again.
func TestConnectionErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "shop@example.com", Timeout: 50 * time.Millisecond}
	_, err = send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictRetry, "timeout")
	o.TLS = TLSImplicit
	_, err = send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictRetry)
	_ = l.Close()
	_, err = send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictRetry, "refused")
}

// A cancelled job leaves the conversation at once, without a retry of its own.
func TestCancel(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			cancel()
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}()
	h := newHandler(Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "shop@example.com"})
	if _, err := h.run(ctx, simple()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
