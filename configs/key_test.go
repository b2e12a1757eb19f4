package configs_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/configs"
)

func diffConfig(a, b configs.Config) string {
	return cmp.Diff(a, b, cmp.Comparer(func(x, y configs.HTTPRequest) bool { return reflect.DeepEqual(x, y) }))
}

// Promise: Keys describes every key, and names follow from each other.
func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range configs.Keys() {
		if k.Doc == "" || strings.ContainsAny(k.Doc, "\n") || strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: documentation %q is not one line without a full stop", k.Name, k.Doc)
		}
		if want := "LEGWORK_" + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_")); k.Env != want {
			t.Errorf("%s: variable %s, want %s", k.Name, k.Env, want)
		}
		if want := strings.NewReplacer(".", "-", "_", "-").Replace(k.Name); k.Flag != want {
			t.Errorf("%s: flag %s, want %s", k.Name, k.Flag, want)
		}
		for _, name := range []string{k.Name, k.Env, k.Flag} {
			if seen[name] && name != "roles" {
				t.Errorf("two keys are called %s", name)
			}
			seen[name] = true
		}
		if strings.HasSuffix(k.Name, "password") != k.Secret {
			t.Errorf("%s: secret is %t", k.Name, k.Secret)
		}
	}
	if n := len(configs.Keys()); n != 61 {
		t.Errorf("%d keys, want 61", n)
	}
}

// Promise: a Key says type, default and limits.
func TestKeyFields(t *testing.T) {
	t.Parallel()
	byName := map[string]configs.Key{}
	for _, k := range configs.Keys() {
		byName[k.Name] = k
	}
	for _, want := range []configs.Key{
		{Name: "http.idle_timeout", Env: "LEGWORK_HTTP_IDLE_TIMEOUT", Flag: "http-idle-timeout", Type: "duration", Default: "2m", Allowed: "1s to 1h", Doc: "how long an idle connection stays open"},
		{Name: "worker.queues", Env: "LEGWORK_WORKER_QUEUES", Flag: "worker-queues", Type: "map", Default: "default:1", Doc: "queues to work on, each with its weight from 1 to 100"},
		{Name: "handlers.email_send.tls", Env: "LEGWORK_HANDLERS_EMAIL_SEND_TLS", Flag: "handlers-email-send-tls", Type: "string", Default: "starttls", Allowed: "starttls, tls or none", Doc: "encryption of the SMTP connection"},
		{Name: "redis.password", Env: "LEGWORK_REDIS_PASSWORD", Flag: "redis-password", Type: "string", Doc: "password; overrides the URL's", Secret: true},
		{Name: "roles", Env: "LEGWORK_ROLES", Flag: "roles", Type: "list", Default: "api,worker,scheduler,dashboard", Doc: "what this process does: api, worker, scheduler, dashboard"},
	} {
		if diff := cmp.Diff(want, byName[want.Name]); diff != "" {
			t.Error(diff)
		}
	}
}

// samples has, for each type, a text that is no default and passes the checks.
func samples() map[string]string {
	return map[string]string{"string": "sample", "boolean": "true", "integer": "7", "duration": "1m10s", "size": "2MiB", "map": "a:1,b:2"}
}

// sample returns a good value for k, and what has to be set beside it.
func sample(k configs.Key) (value string, beside map[string]string) {
	switch k.Name {
	case "roles":
		return "api,worker", nil
	case "http.addr":
		return ":99", nil
	case "http.body_limit":
		return "3MiB", nil
	case "redis.url":
		return "unix:///run/redis.sock", nil
	case "redis.tls.cert_file":
		return "x", map[string]string{"redis.tls.key_file": "y"}
	case "redis.tls.key_file":
		return "x", map[string]string{"redis.tls.cert_file": "y"}
	case "redis.dial_timeout", "redis.read_timeout", "redis.write_timeout", "redis.request_timeout":
		return "1.1s", nil
	case "redis.durability":
		return "strict", nil
	case "jobs.payload_limit":
		return "512KiB", nil
	case "worker.shards":
		return "default:8", nil
	case "handlers.http_request.allow_cidrs":
		return "10.0.0.0/8,fd00::/8", nil
	case "handlers.email_send.username":
		return "x", map[string]string{"handlers.email_send.password": "y"}
	case "dead_letters.max_age":
		return "48h", map[string]string{"dead_letters.archive_dir": "x"}
	case "dead_letters.max_count":
		return "7", map[string]string{"dead_letters.archive_dir": "x"}
	case "dead_letters.archive":
		return "false", nil
	case "dead_letters.warn_at":
		return "5,50", nil
	case "worker.plain":
		return "dequeue,reap", nil
	case "handlers.email_send.password":
		return "x", map[string]string{"handlers.email_send.username": "y"}
	case "handlers.email_send.from":
		return "a@b.c", nil
	case "handlers.email_send.tls":
		return "none", nil
	case "log.level":
		return "debug", nil
	case "log.format":
		return "json", nil
	}
	return samples()[k.Type], nil
}

// Promise: each key can be set by variable and by flag, to the same effect, and
// nothing else changes with it.
func TestEveryKeyByVariableAndFlag(t *testing.T) {
	t.Parallel()
	envs := map[string]string{}
	for _, k := range configs.Keys() {
		envs[k.Name] = k.Env
	}
	for _, k := range configs.Keys() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			value, flags := sample(k)
			if flags == nil {
				flags = map[string]string{}
			}
			base, err := configs.Load(configs.Source{Flags: maps.Clone(flags)})
			beside := len(flags) > 0
			paired := beside && !strings.HasPrefix(k.Name, "dead_letters.") // archive_dir may stand alone
			if (err != nil) != paired {
				t.Fatalf("without %s: %v", k.Name, err)
			}
			flags[k.Name] = value
			var environ []string
			for name, v := range flags {
				environ = append(environ, envs[name]+"="+v)
			}
			byFlag, err := configs.Load(configs.Source{Flags: flags})
			if err != nil {
				t.Fatal(err)
			}
			byEnv, err := configs.Load(configs.Source{Env: environ})
			if err != nil {
				t.Fatal(err)
			}
			if diff := diffConfig(byFlag, byEnv); diff != "" {
				t.Errorf("flag and variable differ: %s", diff)
			}
			if n := changes(reflect.ValueOf(configs.Default()), reflect.ValueOf(byEnv)); n != len(flags) {
				t.Errorf("%d values changed from the defaults, want %d", n, len(flags))
			}
			if !beside && reflect.DeepEqual(base, byEnv) {
				t.Error("nothing changed")
			}
		})
	}
}

// changes counts the fields that differ between two configurations.
func changes(a, b reflect.Value) int {
	if a.Kind() != reflect.Struct {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			return 0
		}
		return 1
	}
	n := 0
	for i := range a.NumField() {
		n += changes(a.Field(i), b.Field(i))
	}
	return n
}
