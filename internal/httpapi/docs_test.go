package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"legwork/internal/store/storetest"
)

// Promise: the docs page works offline and under its own policy: it loads only
// what this server serves, and has no inline script or style.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	page := r.get("/docs")
	r.checkDocs(t, "/docs", page, "text/html; charset=utf-8")
	html := string(page.body)
	for _, forbidden := range []string{`<style`, ` style=`, ` onload=`, ` onclick=`, `javascript:`} {
		if strings.Contains(html, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for _, tag := range regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).FindAllString(html, -1) {
		if !regexp.MustCompile(`^<script src="[^"]+"></script>$`).MatchString(tag) {
			t.Errorf("inline script: %s", tag)
		}
	}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	loaded := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if m[1] == "data:," {
			continue
		}
		path := "/" + m[1]
		r.checkDocs(t, path, r.get(path), kinds[path[strings.LastIndexByte(path, '.'):]])
		loaded++
	}
	if loaded != 3 {
		t.Errorf("the page loads %d files", loaded)
	}
	for path, body := range map[string]string{"/docs": html, "/docs/start.js": string(r.get("/docs/start.js").body)} {
		if at := strings.Index(body, "//"); at >= 0 {
			t.Errorf("%s refers to another host: %.60s", path, body[at:])
		}
	}
	if !strings.Contains(string(r.get("/docs/start.js").body), `url: "openapi.json"`) {
		t.Error("the page does not load the document")
	}
}

func (r *rig) checkDocs(t *testing.T, path string, a answer, contentType string) {
	t.Helper()
	if a.status != http.StatusOK || len(a.body) == 0 || a.header.Get("Content-Type") != contentType {
		t.Errorf("%s = %d %q, %d bytes", path, a.status, a.header.Get("Content-Type"), len(a.body))
	}
	policy := a.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("%s: policy = %q", path, policy)
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s may be sniffed", path)
	}
}

// Promise: other ways to spell the page lead to it.
func TestDocsRedirects(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for _, path := range []string{"/docs/", "/docs/index.html"} {
		if a := r.get(path); a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "../docs" {
			t.Errorf("%s = %d %q", path, a.status, a.header.Get("Location"))
		}
	}
}
