package dashboard

import (
	"net/http"
	"net/url"
	"strings"

	"legwork/jobs"
)

// act is what a form of a page does.
type act struct {
	path string // below the base, a pattern of http.ServeMux
	do   func(d *Dashboard, r *http.Request) (done, error)
}

// done is what an act says of itself, and the page to show then, below the base: the one
// that the form stood on when it is empty.
type done struct{ notice, page string }

// acts are all that forms do. Each is a call of the API as well.
func acts() []act {
	return []act{
		{"/jobs/act", (*Dashboard).actOnJobs},
		{"/jobs/{id}/{verb}", (*Dashboard).actOnJob},
		{"/failures/{fingerprint}/{verb}", (*Dashboard).actOnFailure},
		{"/queues/{name}/{verb}", (*Dashboard).actOnQueue},
		{"/workers/{id}/{verb}", (*Dashboard).actOnWorker},
		{"/actions/{id}/abort", (*Dashboard).abortAction},
	}
}

const noticeCookie = "legwork_notice"

// perform is the handler of an act: it does it and shows a page that says so, or says
// why not.
func (d *Dashboard) perform(a act) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, formMax)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read: "+err.Error(), http.StatusBadRequest)
			return
		}
		result, err := a.do(d, r)
		n := notice{Text: result.notice}
		if err != nil {
			n = notice{Text: trouble(err) + ".", Bad: true}
			if c := jobs.CodeOf(err); c == "" || c == jobs.CodeInternal {
				d.Log.ErrorContext(r.Context(), "act failed", "path", r.URL.Path, "error", err)
				n.Text = "Something went wrong inside Legwork; its log says what."
			}
		}
		if n.Text != "" {
			http.SetCookie(w, n.cookie(d.Base))
		}
		http.Redirect(w, r, d.next(r, result.page), http.StatusSeeOther)
	}
}

// formMax bounds a form: a payload of the greatest size, encoded.
const formMax = 4 << 20

// next is where to go after an act. A form can name none but a page of the dashboard.
func (d *Dashboard) next(r *http.Request, page string) string {
	if page != "" {
		return page
	}
	back := r.PostForm.Get("back")
	if u, err := url.Parse(back); err == nil && u.Host == "" && u.Scheme == "" && strings.HasPrefix(back, d.Base+"/") && !strings.HasPrefix(back, "//") && !strings.ContainsAny(back, "\\\r\n") {
		return back
	}
	return d.Base + "/"
}

// notice is what the next page says of the last act.
type notice struct {
	Text string
	Bad  bool
}

func (n notice) cookie(base string) *http.Cookie {
	kind := "+"
	if n.Bad {
		kind = "!"
	}
	return &http.Cookie{Name: noticeCookie, Value: url.QueryEscape(kind + n.Text), Path: base + "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

// takeNotice returns what the last act left to be said, once.
func takeNotice(w http.ResponseWriter, r *http.Request, base string) *notice {
	c, err := r.Cookie(noticeCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: noticeCookie, Path: base + "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	text, err := url.QueryUnescape(c.Value)
	if err != nil || len(text) < 2 {
		return nil
	}
	return &notice{Text: text[1:], Bad: text[0] == '!'}
}

// badForm is what is wrong with a form.
func badForm(message string) error {
	return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: message}
}

func unknownVerb(verb string) error {
	return &jobs.Error{Code: jobs.CodeNotFound, Message: "nothing called " + verb + " can be done here"}
}
