package storetest

import "testing"

// All runs the test, in parallel, on every kind of Redis that Legwork supports:
// "redis" (TCP), "unix", "tls", "sentinel", "cluster" and "embedded".
func All(t *testing.T, test func(t *testing.T, r Instance)) {
	t.Helper()
	for _, kind := range []struct {
		name  string
		start func(testing.TB) Instance
	}{
		{"redis", func(t testing.TB) Instance { return RedisWith(t, Options{TCP: true}) }},
		{"unix", Redis},
		{"tls", TLS},
		{"sentinel", Sentinel},
		{"cluster", Cluster},
		{"embedded", Embedded},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			test(t, kind.start(t))
		})
	}
}
