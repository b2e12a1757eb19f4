package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"legwork/client"
)

// jsonText draws a JSON value with strings of any kind and space between the
// tokens.
func jsonText() *rapid.Generator[json.RawMessage] {
	return rapid.Custom(func(t *rapid.T) json.RawMessage {
		v := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "value")
		indent := rapid.SampledFrom([]string{"", " ", "\t", "\r\n"}).Draw(t, "indent")
		b, err := json.MarshalIndent(v, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

// moments draws times that RFC 3339 can write.
func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(0, 250e15).Draw(t, "micros")).UTC()
	})
}

// The answer that is written by hand is the one that encoding/json would write,
// whatever is in the job. A new field of client.Job is drawn here by itself, and
// fails until it is written.
func TestAppendJobWritesWhatTheEncoderWould(t *testing.T) {
	t.Parallel()
	draw := rapid.MakeCustom[client.Job](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[json.RawMessage](): rapid.OneOf(jsonText(), rapid.Just(json.RawMessage(nil))).AsAny(),
			reflect.TypeFor[time.Time]():       moments().AsAny(),
		},
	})
	rapid.Check(t, func(t *rapid.T) {
		j := draw.Draw(t, "job")
		var want bytes.Buffer
		if err := plainEncoder(&want).Encode(j); err != nil {
			t.Fatal(err)
		}
		if got := append(appendJob(nil, &j), '\n'); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got\n%s\nwant\n%s", got, want.Bytes())
		}
	})
}
