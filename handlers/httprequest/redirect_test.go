package httprequest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"legwork/jobs"
)

// redirects answers /n by sending on to /n-1, and /0 with 200.
func redirects(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if n > 0 {
		http.Redirect(w, r, "/"+strconv.Itoa(n-1), http.StatusFound)
	}
}

// Three redirects are followed, the fourth is refused for good.
func TestRedirectLimit(t *testing.T) {
	t.Parallel()
	server := serve(t, redirects)
	h := setup(t, open())
	if _, err := h.run(t.Context(), Payload{URL: server + "/3"}); err != nil {
		t.Error(err)
	}
	_, err := h.run(t.Context(), Payload{URL: server + "/4"})
	if d := wantVerdict(t, err, jobs.VerdictPermanent); !strings.Contains(d.Reason, "more than 3 redirects") {
		t.Error(d.Reason)
	}
}

// Each redirect is checked like the first address.
func TestRedirectToPrivateAddressIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t, open())
	for _, target := range []string{"http://127.0.0.2/s3cret", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "file:///etc/passwd", "gopher://example.com/"} {
		_, err := h.run(t.Context(), Payload{URL: serve(t, answer(http.StatusFound, "Location", target))})
		d := wantVerdict(t, err, jobs.VerdictPermanent)
		if !strings.Contains(d.Reason, "redirect") {
			t.Errorf("%s: %s", target, d.Reason)
		}
		wantWithout(t, d.Reason, target, "s3cret")
	}
}

// To another origin go only harmless headers, also after a second redirect, and
// also when that one leads back: the other origin chose the address.
func TestRedirectStripsCredentials(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	last := func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }
	var first string
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/again":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/back":
			http.Redirect(w, r, first+"/same", http.StatusTemporaryRedirect)
		default:
			last(w, r)
		}
	})
	first = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			last(w, r)
		case "/go-same":
			http.Redirect(w, r, "/same", http.StatusTemporaryRedirect)
		default:
			http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
		}
	})
	h := setup(t, open())
	for path, kept := range map[string]bool{"/go-same": true, "/end": false, "/again": false, "/back": false} {
		_, err := h.run(jobContext(t, "job-1"), Payload{
			Method: http.MethodPost, URL: strings.Replace(first, "//", "//ann:s3cret@", 1) + path + "?token=s3cret", Body: "x",
			Headers: map[string]string{"Cookie": "s3cret", "X-Api-Key": "s3cret", "Accept": "text/plain", "Referer": "s3cret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		header := <-got
		for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
			if (header.Get(name) != "") != kept {
				t.Errorf("%s: %s is %q", path, name, header.Get(name))
			}
		}
		if header.Get("Referer") != "" {
			t.Errorf("%s: the referer tells the address", path)
		}
		for name, want := range map[string]string{"Accept": "text/plain", "Legwork-Job-Id": "job-1", "Content-Type": "text/plain; charset=utf-8"} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, header.Get(name), want)
			}
		}
	}
}

// A redirect may resend the body (307), or answer a processed request (303); one
// that would lose the body (301, 302) is refused.
func TestRedirectKeepsTheBody(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	end := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Method + " " + string(body)
	})
	h := setup(t, open())
	post := func(code int) error {
		_, err := h.run(t.Context(), Payload{Method: http.MethodPost, Body: "order", URL: serve(t, answer(code, "Location", end))})
		return err
	}
	for code, want := range map[int]string{http.StatusTemporaryRedirect: "POST order", http.StatusPermanentRedirect: "POST order", http.StatusSeeOther: "GET "} {
		if err := post(code); err != nil {
			t.Fatal(err)
		}
		if v := <-got; v != want {
			t.Errorf("%d: %q, want %q", code, v, want)
		}
	}
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound} {
		d := wantVerdict(t, post(code), jobs.VerdictPermanent)
		if !strings.Contains(d.Reason, "drop its body") {
			t.Errorf("%d: %s", code, d.Reason)
		}
	}
}

// An origin is scheme, host and port; the default port is the same written out.
func TestOrigin(t *testing.T) {
	t.Parallel()
	for address, same := range map[string]bool{
		"https://example.com/b":      true,
		"https://EXAMPLE.com:443/":   true,
		"http://example.com/":        false,
		"https://example.com:8443/":  false,
		"https://www.example.com/":   false,
		"https://example.com.evil/":  false,
		"https://u:p@example.com/a":  true,
		"http://example.com:443/a":   false,
		"https://example.com:80/a":   false,
		"https://[2001:db8::1]/path": false,
	} {
		u, err := parseURL(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := origin(u) == "https://example.com:443"; got != same {
			t.Errorf("%s: same origin is %t", address, got)
		}
	}
}
