package handlers_test

import (
	"encoding/json"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/handlers"
	"legwork/handlers/email"
	"legwork/handlers/httprequest"
	"legwork/handlers/thumbnail"
	"legwork/jobs"
)

// The zero options register every type without a mistake, each with a summary,
// a result schema and examples.
func TestRegister(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	handlers.Register(r, handlers.Options{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, typ := range r.Types() {
		names = append(names, typ.Name)
		if typ.Summary == "" || len(typ.Examples) == 0 || len(typ.Result) == 0 {
			t.Errorf("%s: summary %q, %d examples, result schema %q", typ.Name, typ.Summary, len(typ.Examples), typ.Result)
		}
	}
	if diff := cmp.Diff([]string{"email.send", "http.request", "image.thumbnail"}, names); diff != "" {
		t.Error(diff)
	}
}

// One check names every wrong setting of every type.
func TestCheck(t *testing.T) {
	t.Parallel()
	err := handlers.Options{
		HTTPRequest:    httprequest.Options{AllowCIDRs: []string{"10"}},
		EmailSend:      email.Options{TLS: "ssl"},
		ImageThumbnail: thumbnail.Options{MaxPixels: -1},
	}.Check()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, setting := range []string{"http_request.allow_cidrs", "email_send.tls", "image_thumbnail.max_pixels"} {
		if !strings.Contains(err.Error(), "handlers."+setting) {
			t.Errorf("%q does not name %s", err, setting)
		}
	}
	if err := (handlers.Options{}).Check(); err != nil {
		t.Error(err)
	}
}

// The example of image.thumbnail is the README's, and it works on the picture
// that comes with the repository.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	picture, err := os.ReadFile("../examples/pictures/valley.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "examples/pictures"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "examples/pictures/valley.jpg"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
	r := jobs.NewRegistry()
	handlers.Register(r, handlers.Options{ImageThumbnail: thumbnail.Options{Dir: dir}})
	typ, ok := r.Lookup(thumbnail.TypeName)
	if !ok {
		t.Fatal("the type is not registered")
	}
	const readme = `{"source":"examples/pictures/valley.jpg","target":".legwork/valley-320.jpg","width":320}`
	if got := string(typ.Examples[0]); got != readme {
		t.Errorf("the example is %s", got)
	}
	out, err := typ.Run(t.Context(), json.RawMessage(readme))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"target":".legwork/valley-320.jpg","width":320,"height":213,`; !strings.HasPrefix(string(out), want) {
		t.Errorf("the result is %s", out)
	}
	file, err := os.Open(filepath.Join(dir, ".legwork/valley-320.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if m, err := jpeg.Decode(file); err != nil || m.Bounds().Dx() != 320 || m.Bounds().Dy() != 213 {
		t.Errorf("the thumbnail: %v", err)
	}
}

func ExampleRegister() {
	r := jobs.NewRegistry()
	handlers.Register(r, handlers.Options{
		EmailSend:      email.Options{Host: "smtp.example.com", Username: "shop", Password: "from a secret store"},
		ImageThumbnail: thumbnail.Options{Dir: "/srv/pictures"},
	})
	for _, t := range r.Types() {
		fmt.Println(t.Name)
	}
	// Output:
	// email.send
	// http.request
	// image.thumbnail
}
