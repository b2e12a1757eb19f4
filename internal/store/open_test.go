package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

func open(t *testing.T, o store.Options) redis.UniversalClient {
	t.Helper()
	c, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A mistake in the options is told by Open, with what to do, and without the
// password.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	secure := "rediss://user:hunter2@h"
	for want, o := range map[string]store.Options{
		"the redis url is empty":                 {},
		"redis pool size -1 is negative":         {URL: secure, PoolSize: -1},
		"redis dial timeout -1s is negative":     {URL: secure, DialTimeout: -time.Second},
		"redis read timeout -1s is negative":     {URL: secure, ReadTimeout: -time.Second},
		"redis write timeout -1s is negative":    {URL: secure, WriteTimeout: -time.Second},
		"use rediss:// or the parameter tls":     {URL: "redis://user:hunter2@h", TLS: store.TLSFiles{ServerName: "h"}},
		"read the TLS CA file":                   {URL: secure, TLS: store.TLSFiles{CAFile: filepath.Join(dir, "none.pem")}},
		"holds no PEM certificate":               {URL: secure, TLS: store.TLSFiles{CAFile: empty}},
		"set both or neither":                    {URL: secure, TLS: store.TLSFiles{CertFile: empty}},
		"load the TLS certificate":               {URL: secure, TLS: store.TLSFiles{CertFile: empty, KeyFile: empty}},
		`redis url "rediss://xxxxx@h/x": databa`: {URL: secure + "/x"},
	} {
		_, err := store.Open(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// User, password, database and client name take effect, and those given apart
// from the URL win over those in it.
func TestOpenIdentity(t *testing.T) {
	t.Parallel()
	r := storetest.RedisWith(t, storetest.Options{TCP: true})
	for _, args := range [][]any{
		{"ACL", "SETUSER", "app", "on", ">p@ss/w:rd", "~*", "&*", "+@all"},
		{"CONFIG", "SET", "requirepass", "other"},
	} {
		if err := r.Client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	addr := r.Nodes[0].Addr()
	for _, o := range []store.Options{
		{URL: "redis://app:p%40ss%2Fw:rd@" + addr + "/3"},
		{URL: "redis://x:y@" + addr + "?db=3", Username: "app", Password: "p@ss/w:rd"},
		{URL: "redis://:other@" + addr + "/3"},
	} {
		o.ClientName = "legwork-api"
		c := open(t, o)
		info, err := c.Do(t.Context(), "CLIENT", "INFO").Text()
		if err != nil {
			t.Errorf("%s: %v", o.URL, err)
			continue
		}
		if !strings.Contains(info, " db=3 ") || !strings.Contains(info, " name=legwork-api ") {
			t.Errorf("%s: the connection is %s", o.URL, info)
		}
	}
}

// Connecting sends nothing that an older server or a managed one would refuse.
func TestOpenIsQuiet(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	if err := r.Client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	info, err := r.Client.Info(t.Context(), "errorstats", "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"errorstat_", "client|"} {
		if strings.Contains(info, bad) {
			t.Errorf("found %q in what the server was asked:\n%s", bad, info)
		}
	}
}

// A certificate that we have is shown, and one that the server does not trust
// is refused.
func TestOpenShowsCertificate(t *testing.T) {
	t.Parallel()
	r := storetest.TLS(t)
	files := storetest.ClientTLS(t)
	files.CAFile = r.TLS.CAFile
	c := open(t, store.Options{URL: r.URL, TLS: files})
	if err := c.Ping(t.Context()).Err(); !store.Unavailable(err) {
		t.Errorf("got %v, want that the server ends the connection", err)
	}
}

// A deadline also ends the wait for one connection that others use, and for a
// host that never answers, with and without TLS.
func TestDeadlineWhileConnecting(t *testing.T) {
	t.Parallel()
	r := storetest.RedisWith(t, storetest.Options{TCP: true})
	r.Pause()
	var all sync.WaitGroup
	for _, scheme := range []string{"redis", "rediss"} {
		for name, addr := range map[string]string{"deaf": storetest.DeafAddr(t), "frozen": r.Nodes[0].Addr()} {
			c := open(t, store.Options{URL: scheme + "://" + addr, PoolSize: 1})
			for what, op := range operations(c) {
				all.Go(func() { checkDeadline(t, scheme+" "+name+" "+what, op) })
			}
		}
	}
	all.Wait()
}

// Without a deadline the timeouts bound an operation.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	o := r.Options()
	o.ReadTimeout, o.DialTimeout = 100*time.Millisecond, 100*time.Millisecond
	c := open(t, o)
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	start := time.Now()
	if err := c.Ping(context.Background()).Err(); !store.Unavailable(err) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

// A wrong master name is never mistaken for a missing key.
func TestUnknownMaster(t *testing.T) {
	t.Parallel()
	r := storetest.Sentinel(t)
	c := open(t, store.Options{URL: strings.Replace(r.URL, "/mymaster", "/yours", 1)})
	err := c.Get(t.Context(), "key").Err()
	if !store.Unavailable(err) || !strings.Contains(err.Error(), `no Sentinel knows the master "yours"`) {
		t.Errorf("got %v (unavailable %t)", err, store.Unavailable(err))
	}
}
