package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// api is a client of the rig.
func (r *rig) api() *client.Client {
	r.t.Helper()
	c, err := client.New(client.Options{BaseURL: r.url, HTTPClient: r.http})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// kill makes dead letters that differ in all that an export carries.
func (r *rig) kill(n int) (ids []string) {
	r.t.Helper()
	r.pool("default", "mail")
	for i := range n {
		id := fmt.Sprintf("dead-%03d", i)
		r.enqueue(fmt.Sprintf(`{"type":%q,"id":%q,"queue":%q,"payload":{},"tags":["t%d","<&>"],"headers":{"trace":"é%d"},"max_retries":%d}`,
			"test.die", id, []string{"default", "mail"}[i%2], i, i, i%4))
		ids = append(ids, id)
	}
	for _, id := range ids {
		r.until(id, jobs.StateArchived)
	}
	return ids
}

// kept is what is kept of a dead letter: its message and the other fields.
type kept struct {
	Message *store.Message
	Fields  map[string]string
}

func (r *rig) kept(queue, id string) kept {
	r.t.Helper()
	fields := r.inst.Client.HGetAll(r.t.Context(), store.KeysOf(queue).Task(id)).Val()
	if len(fields) == 0 {
		r.t.Fatalf("no job %s in %s", id, queue)
	}
	delete(fields, store.FieldPendingSince) // says nothing of a dead letter
	m, err := store.Decode([]byte(fields[store.FieldMessage]))
	if err != nil {
		r.t.Fatal(err)
	}
	delete(fields, store.FieldMessage) // its headers have no order
	return kept{m, fields}
}

// Promise: dead letters exported from one Redis and imported into another are there
// what they were, to the byte and to the moment of their death; a second import stores
// nothing and changes nothing; and they can be retried.
func TestTransferBetweenSystems(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t), nil), newRig(t, storetest.Redis(t), nil)
	ids := from.kill(130)
	edited := store.KeysOf("default").Task(ids[0])
	from.inst.Client.HSet(t.Context(), edited, store.FieldRetriedFrom, "its origin", store.FieldRetriedAs, "its copy")
	var file bytes.Buffer
	n, err := from.api().Export(t.Context(), client.JobFilter{}, &file)
	if err != nil || n != len(ids) || bytes.Count(file.Bytes(), []byte("\n")) != n {
		t.Fatalf("%d exported in %d lines: %v", n, bytes.Count(file.Bytes(), []byte("\n")), err)
	}
	for round, want := range []client.ImportResult{{Imported: len(ids)}, {Skipped: len(ids)}} {
		got, err := to.api().Import(t.Context(), bytes.NewReader(file.Bytes()))
		if err != nil || got.Imported != want.Imported || got.Skipped != want.Skipped || got.Failed != 0 || len(got.Errors) != want.Skipped {
			t.Fatalf("import %d: %+v %v", round+1, got, err)
		}
		for i, id := range ids {
			queue := []string{"default", "mail"}[i%2]
			if diff := cmp.Diff(from.kept(queue, id), to.kept(queue, id)); diff != "" {
				t.Fatalf("%s was (-), is (+):\n%s", id, diff)
			}
			k := store.KeysOf(queue)
			if was, is := from.inst.Client.ZScore(t.Context(), k.Archived(), id).Val(), to.inst.Client.ZScore(t.Context(), k.Archived(), id).Val(); was != is || was == 0 {
				t.Errorf("%s died at %f, and by the import at %f", id, was, is)
			}
		}
	}
	var again bytes.Buffer
	if _, err := to.api().Export(t.Context(), client.JobFilter{State: "archived"}, &again); err != nil || !slices.Equal(sortedLines(again.String()), sortedLines(file.String())) {
		t.Errorf("the export of the import differs (%v)", err)
	}
	if a := to.post("/v1/jobs/"+ids[1]+"/retry", ""); a.status != http.StatusOK {
		t.Errorf("retry: %d %s", a.status, a.body)
	}
}

func sortedLines(text string) []string {
	return slices.Sorted(strings.Lines(text))
}

// Promise: an export honours its filter and Accept-Encoding, and its last line says
// that it is whole.
func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.kill(6)
	plain := r.send(http.MethodGet, "/v1/jobs/export?queue=mail", "", "Accept-Encoding", "identity;q=1, gzip; q=0")
	text := string(plain.body)
	if plain.status != http.StatusOK || plain.header.Get("Content-Type") != "application/x-ndjson" || plain.header.Get("Content-Encoding") != "" ||
		strings.Count(text, `"queue":"mail"`) != 3 || !strings.HasSuffix(text, "\n{\"complete\":true,\"jobs\":3}\n") {
		t.Errorf("%d %v %s", plain.status, plain.header, text)
	}
	zipped := r.send(http.MethodGet, "/v1/jobs/export?queue=mail", "", "Accept-Encoding", "br, GZIP;q=0.5")
	z, err := gzip.NewReader(bytes.NewReader(zipped.body))
	if err != nil || zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%v, headers %v", err, zipped.header)
	}
	if raw, err := io.ReadAll(z); err != nil || string(raw) != text {
		t.Errorf("compressed: %s %v", raw, err)
	}
	for path, want := range map[string]string{
		"?tag=t3":     `{"complete":true,"jobs":1}`,
		"?queue=none": `{"complete":true,"jobs":0}`,
	} {
		if a := r.get("/v1/jobs/export" + path); !strings.HasSuffix(string(a.body), want+"\n") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, part := range map[string]string{"?state=x": "state", "?colour=red": "colour", "?limit=5": "limit"} {
		if a := r.get("/v1/jobs/export" + path); a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), part) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	r.inst.Kill()
	if a := r.get("/v1/jobs/export"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %d %s", a.status, a.body)
	}
}

// Promise: each bad line of an import costs itself alone, and is told by its number;
// nothing that was sent comes back in an error but the id.
func TestImportJudgesEachLine(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t), nil), newRig(t, storetest.Redis(t), nil)
	from.kill(3)
	whole := strings.SplitAfter(strings.TrimSpace(string(from.get("/v1/jobs/export").body)), "\n")
	to.enqueue(`{"type":"test.ok","id":"dead-002","queue":"other","delay":"1h"}`)
	slices.Sort(whole[:3])
	body := "\xef\xbb\xbf" + whole[0] + "\n" + "{\"secret\n" + whole[0] + whole[1] + whole[2] +
		`{"format":1,"id":"x","queue":"Q!","state":"pending","max_retries":0,"retried":0,"timeout":"0s","retention":"0s","failures":0,"type":"a"}` + "\n" +
		`{"format":2}` + "\n" + strings.Repeat("y", batchBodyLimit+1) + "\n" + whole[3]
	a := to.send(http.MethodPost, "/v1/jobs/import", body, "Content-Type", "application/x-ndjson")
	result := into[client.ImportResult](a)
	if a.status != http.StatusOK || result.Imported != 2 || result.Skipped != 2 || result.Failed != 4 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := compileAt(t, to.document(), "paths", "/v1/jobs/import", "post", "responses", "200", "content", "application/json", "schema").Validate(answer); err != nil {
		t.Errorf("the answer is not as the document says: %v", err)
	}
	want := []string{"3 400", "4 409 dead-000", "6 409 dead-002", "7 422 x", "8 422", "9 413"}
	var got []string
	for _, e := range result.Errors {
		got = append(got, strings.TrimSpace(fmt.Sprint(e.Line, " ", e.Error.Status, " ", e.ID)))
	}
	slices.SortFunc(got, strings.Compare)
	if !slices.Equal(got, want) || strings.Contains(string(a.body), "secret") || strings.Contains(string(a.body), "Q!") {
		t.Errorf("errors = %q\n%s", got, a.body)
	}
	if j := to.until("dead-002", jobs.StateScheduled); j.Queue != "other" {
		t.Errorf("the import has overwritten a job: %+v", j)
	}
}

// Promise: of a file that was cut off, every whole line is imported and the cut is told;
// so it is of an export that says itself that it ended early.
func TestImportOfHalfAFile(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t), nil), newRig(t, storetest.Redis(t), nil)
	from.kill(4)
	lines := strings.SplitAfter(string(from.get("/v1/jobs/export").body), "\n")
	var file bytes.Buffer
	for _, part := range [][]string{lines[:2], lines[2:4]} { // two members, as an archive has
		z := gzip.NewWriter(&file)
		_, _ = io.WriteString(z, strings.Join(part, ""))
		_ = z.Close()
	}
	half := file.String()[:file.Len()-20]
	a := to.send(http.MethodPost, "/v1/jobs/import", half, "Content-Type", "application/gzip")
	if r := into[client.ImportResult](a); a.status != http.StatusOK || r.Imported < 2 || r.Failed != 1 || !strings.Contains(r.Errors[len(r.Errors)-1].Error.Detail, "cut off") {
		t.Errorf("%d %s", a.status, a.body)
	}
	early := lines[0] + `{"complete":false,"jobs":1,"error":{"status":503}}` + "\n"
	a = to.send(http.MethodPost, "/v1/jobs/import", early, "Content-Type", "application/x-ndjson")
	if r := into[client.ImportResult](a); r.Skipped != 1 || r.Failed != 1 || !strings.Contains(r.Errors[1].Error.Detail, "ended early") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, bad := range [][]string{{"", "application/x-ndjson"}, {"\n\n", "application/x-ndjson"}} {
		if a := to.send(http.MethodPost, "/v1/jobs/import", bad[0], "Content-Type", bad[1]); a.status != http.StatusOK || into[client.ImportResult](a).Imported != 0 {
			t.Errorf("%q: %d %s", bad[0], a.status, a.body)
		}
	}
	if a := to.post("/v1/jobs/import", "{}"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("as JSON: %d %s", a.status, a.body)
	}
}

// Promise: when Redis goes away during an import, the answer says what was done and
// that the whole may be sent again.
func TestImportLosesRedis(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t), nil), newRig(t, storetest.Redis(t), nil)
	from.kill(3)
	body := string(from.get("/v1/jobs/export").body)
	to.inst.Kill()
	a := to.send(http.MethodPost, "/v1/jobs/import", body, "Content-Type", "application/x-ndjson")
	if a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "0 lines were imported") || !strings.Contains(string(a.body), "again") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// full takes some lines and then has no room.
type full struct{ lines int }

func (f *full) Write(p []byte) (int, error) {
	if f.lines--; f.lines < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// Promise: where an export cannot be written down, the caller hears why, and no job is
// lost; a server that goes away in the middle leaves no export that looks whole.
func TestExportIsNotWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.kill(5)
	if n, err := r.api().Export(t.Context(), client.JobFilter{}, &full{lines: 2}); n != 2 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%d exported, %v", n, err)
	}
	if n, err := r.api().Export(t.Context(), client.JobFilter{}, io.Discard); n != 5 || err != nil {
		t.Errorf("%d exported, %v", n, err)
	}
	if _, err := r.api().Export(t.Context(), client.JobFilter{State: "none"}, io.Discard); err == nil || !strings.Contains(err.Error(), "state") {
		t.Errorf("wrong state: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.api().Export(ctx, client.JobFilter{}, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
