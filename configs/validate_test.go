package configs_test

import (
	"fmt"
	"strings"
	"testing"

	"legwork/configs"
)

// Promise: values that contradict a limit or each other are refused, at the
// place of the one that was set.
func TestValueMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"no role", "roles: []", "1:8: roles: must name at least one role [fix: write one or more of api, worker, scheduler, dashboard]"},
		{"unknown role", "roles: [cook]", "1:9: roles[0]: must be api, worker, scheduler or dashboard, not cook [fix: write api, worker, scheduler or dashboard]"},
		{"role twice", "roles:\n- api\n- api", "3:3: roles[1]: must name each role once, not api [fix: remove api]"},
		{"limit too small", "http: {body_limit: 1}", "1:20: http.body_limit: must be 1KiB to 256MiB, not 1 [fix: write at least 1KiB (largest body of a request with one job)]"},
		{"batch body below body", "http: {batch_body_limit: 512KiB}", "1:26: http.batch_body_limit: http.batch_body_limit must not be below http.body_limit [fix: raise http.batch_body_limit to at least 1MiB]"},
		{"body above batch body", "http: {body_limit: 64MiB}", "1:20: http.body_limit: http.batch_body_limit must not be below http.body_limit [fix: raise http.batch_body_limit to at least 64MiB]"},
		{"payload above body", "jobs: {payload_limit: 2MiB}", "1:23: jobs.payload_limit: jobs.payload_limit must not be above http.body_limit [fix: raise http.body_limit above 2MiB, the rest of a job needs room too]"},
		{"write timeout within a wait", "http: {write_timeout: 60s}", "1:23: http.write_timeout: must be 61s to 1h, not 1m [fix: write at least 61s (how long a request may take to be answered; must exceed the longest Prefer: wait, 60s)]"},
		{"negative timeout", "http: {read_timeout: -1s}", "1:22: http.read_timeout: must be 100ms to 1h, not -1s [fix: write at least 100ms (how long a request may take to arrive)]"},
		{"slow Redis", "redis: {request_timeout: 3s}", "1:26: redis.request_timeout: must be 50ms to 2s, not 3s [fix: write at most 2s (how long Redis may take for one API request before the answer is 503)]"},
		{"password twice", "redis: {password: a, password_file: b}", "1:37: redis.password_file: redis.password and redis.password_file must not both be set [fix: remove one of them]"},
		{"key without certificate", "redis:\n  tls: {key_file: k}", "2:19: redis.tls.cert_file: redis.tls.cert_file and redis.tls.key_file must be set together [fix: set the other one too, or neither]"},
		{"no queue", "worker: {queues: {}}", "1:18: worker.queues: must name at least one queue [fix: write default: 1 below it, or remove the key]"},
		{"heavy queue", "worker:\n  queues:\n    a: 101", "3:5: worker.queues.a: must have a weight of 1 to 100, not 101 [fix: write 1 for the least important queue, more for others]"},
		{"many shards", "worker: {shards: {default: 33}}", "1:19: worker.shards.default: must be 1 to 32 shards, not 33 [fix: write 1 to leave the queue whole, or about four for each master of the cluster]"},
		{"no shard", "worker: {shards: {other: 0}}", "1:19: worker.shards.other: must be 1 to 32 shards, not 0 [fix: write 1 to leave the queue whole, or about four for each master of the cluster]"},
		{"shard as a queue", "worker: {shards: {default~1: 2}}", `1:19: worker.shards."default~1": must have queue names of 1 to 64 lower-case letters, digits, _ and -, not "default~1" [fix: rename the queue]`},
		{"too many jobs", "jobs: {batch_limit: 10001}", "1:21: jobs.batch_limit: must be 1 to 10000, not 10001 [fix: write at most 10000 (most jobs in one request)]"},
		{"letters that go nowhere", "dead_letters: {max_age: 48h}", "1:25: dead_letters.max_age: dead_letters.max_age and dead_letters.max_count delete dead letters, and dead_letters.archive_dir does not say where to write them before [fix: name a directory under dead_letters.archive_dir, or set dead_letters.archive to false to delete them for good]"},
		{"negative age of letters", "dead_letters: {max_age: -1s}", "1:25: dead_letters.max_age: must be 0s to 876000h, not -1s [fix: write at least 0s (how long a dead letter is kept; 0 means for ever)]"},
		{"letters by the half", "dead_letters: {max_count: 1.5}", "1:27: dead_letters.max_count: must be a whole number, not 1.5 [fix: write decimal digits only, without quotes, such as 10]"},
		{"warning at nothing", "dead_letters: {warn_at: [5, 0]}", "1:29: dead_letters.warn_at[1]: must be at least 1, not 0 [fix: write how many dead letters in one queue are too many, or remove it]"},
		{"warning twice", "dead_letters: {warn_at: [5, 5]}", "1:29: dead_letters.warn_at[1]: must have each number once, not 5 [fix: remove one of the two]"},
		{"warning in words", "dead_letters: {warn_at: [many]}", "1:26: dead_letters.warn_at[0]: must be a whole number, not many [fix: write decimal digits only, without quotes, such as 10]"},
		{"mail port", "handlers: {email_send: {port: 0}}", "1:31: handlers.email_send.port: must be 1 to 65535, not 0 [fix: write at least 1 (port of the SMTP server)]"},
		{"mail host with port", "handlers: {email_send: {host: 'smtp:25'}}", `1:31: handlers.email_send.host: must be a host name or an IP address, not "smtp:25" [fix: write the name alone; the port has its own key]`},
		{"sender", "handlers: {email_send: {from: nobody}}", "1:31: handlers.email_send.from: must be a mail address, not nobody [fix: write jobs@example.com or Jobs <jobs@example.com>]"},
		{"mail user without password", "handlers: {email_send: {username: u}}", "1:35: handlers.email_send.username: handlers.email_send.username and handlers.email_send.password must be set together [fix: set the other one too; the password best as LEGWORK_HANDLERS_EMAIL_SEND_PASSWORD]"},
		{"encryption", "handlers: {email_send: {tls: ssl}}", "1:30: handlers.email_send.tls: must be starttls, tls or none, not ssl [fix: write starttls, tls or none]"},
		{"log level", "log: {level: warning}", "1:14: log.level: must be debug, info, warn or error, not warning [fix: write debug, info, warn or error]"},
		{"log level in capitals", "log: {level: INFO}", `1:14: log.level: must be debug, info, warn or error, not "INFO" [fix: write info]`},
		{"log format", "log: {format: jsn}", "1:15: log.format: must be text or json, not jsn [fix: write json]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text)
			want := "legwork.yaml:" + tt.want
			if tt.name == "key without certificate" {
				want = strings.Replace(want, ": redis.tls.cert_file: ", ": redis.tls.key_file: ", 1)
			}
			wantError(t, err, want)
		})
	}
}

// Promise: contradictions across layers blame a key that was set, where it was set.
func TestContradictionAcrossLayers(t *testing.T) {
	t.Parallel()
	path := write(t, "redis: {password_file: /run/p}\n")
	_, err := configs.Load(configs.Source{Path: path, Env: []string{"LEGWORK_REDIS_PASSWORD=x"}})
	wantError(t, err, "legwork.yaml:1:24: redis.password_file: redis.password and redis.password_file must not both be set [fix: remove one of them]")
	_, err = configs.Load(configs.Source{Flags: map[string]string{"http.body_limit": "64MiB"}})
	wantError(t, err, "--http-body-limit: http.body_limit: http.batch_body_limit must not be below http.body_limit [fix: raise http.batch_body_limit to at least 64MiB]")
}

// Promise: http.addr is host:port with a number.
func TestAddr(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":80", ":0", "127.0.0.1:8080", "localhost:65535", "[::1]:80", "[fe80::1%eth0]:80", "my_host.lan:1"} {
		if _, err := configs.Load(configs.Source{Flags: map[string]string{"http.addr": addr}}); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{"", "80", "localhost", "localhost:", ":http", ":65536", ":-1", ":080", "::1:80", "a b:80", "http://x:80", "x:80/"} {
		if _, err := configs.Load(configs.Source{Flags: map[string]string{"http.addr": addr}}); err == nil {
			t.Errorf("%s: no error", addr)
		}
	}
}

// Promise: redis.url has a known scheme and what that scheme needs.
func TestRedisURL(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"embedded", "redis://h", "redis://h:6379", "redis://h:6379/", "redis://h/15", "redis://u:p%40@h:1/0?db=0",
		"rediss://[::1]:6379/0", "redis://[::1]", "unix:///run/r.sock", "unix://u:p@/run/r.sock?db=1",
		"redis-sentinel://a:26379,b:26379/mymaster?db=1", "redis-cluster://u:p@a:1,b:2,c", "redis-cluster://a",
	} {
		if _, err := configs.Load(configs.Source{Env: []string{"LEGWORK_REDIS_URL=" + raw}}); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for raw, want := range map[string]string{
		"127.0.0.1:6379":              "must be a URL or embedded",
		"Embedded":                    "must be a URL or embedded",
		"http://h":                    "must have a scheme of redis, rediss, redis-sentinel, redis-cluster or unix",
		"redis+tls://h":               "must have a scheme of redis, rediss, redis-sentinel, redis-cluster or unix",
		"redis://":                    "must have a host, with or without a port",
		"redis:///0":                  "must have a host, with or without a port",
		"redis://h:99999":             "must have ports from 1 to 65535",
		"redis://h:port":              "must be a valid URL",
		"redis://u:p#w@h":             "must be a valid URL",
		"redis://u:p%zz@h":            "must be a valid URL",
		"redis://h/db":                "must end in the number of a database",
		"redis://a:1,b:2":             "must have one host",
		"redis-cluster://a:1,,b:2":    "must have a host, with or without a port",
		"redis-sentinel://a,b":        "must name the master that the Sentinels watch",
		"redis://h:0":                 "must have ports from 1 to 65535",
		"redis://h/0#x":               "must be a valid URL",
		"redis-sentinel://a:1,b:x/m":  "must have ports from 1 to 65535",
		"unix://":                     "must have the path of a socket",
		"redis-cluster://a:1,b:2,c d": "must have a host, with or without a port",
	} {
		_, err := configs.Load(configs.Source{Env: []string{"LEGWORK_REDIS_URL=" + raw}})
		if err == nil {
			t.Errorf("%s: no error", raw)
		} else if got := err.Error(); !strings.HasPrefix(got, "LEGWORK_REDIS_URL: redis.url: "+want+" [fix: ") {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

// Promise: Validate checks a Config made in code the same way, without places.
func TestValidate(t *testing.T) {
	t.Parallel()
	c := configs.Default()
	c.Worker.Concurrency = -1
	c.Redis.URL = "redis://u:hunter2@h:bad"
	err := c.Validate()
	got := strings.Join(lines(t, err), "\n")
	want := "worker.concurrency: must be 0 to 10000, not -1 [fix: write at least 0 (jobs run at the same time; 0 means 10 per CPU)]\n" +
		"redis.url: must be a valid URL [fix: write scheme://user:password@host:port/database, special characters in user and password percent-encoded]"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := (configs.Config{}).Validate(); err == nil {
		t.Error("the zero Config is valid")
	}
}

// Promise: queues with slots of their own and what is left to asynq are checked.
func TestWorkerKeysAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags map[string]string
		want  string
	}{
		"too many slots": {map[string]string{"worker.dedicated": "mail:10001"}, "number of slots of 1 to 10000"},
		"no slots":       {map[string]string{"worker.dedicated": "mail:0"}, "number of slots of 1 to 10000"},
		"bad name":       {map[string]string{"worker.dedicated": "Mail:1"}, "queue names"},
		"unknown":        {map[string]string{"worker.plain": "dequeu"}, "write dequeue"},
		"good":           {map[string]string{"worker.dedicated": "mail:2", "worker.plain": "reap"}, ""},
	} {
		_, err := configs.Load(configs.Source{Flags: c.flags})
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) && c.want != "" {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
