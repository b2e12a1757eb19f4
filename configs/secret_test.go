package configs_test

import (
	"reflect"
	"strings"
	"testing"

	"legwork/configs"
)

// Promise: no error shows a password or a URL that may hold one, whatever else
// is wrong around it.
func TestErrorsHideSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"redis: {password: hunter2, pool_size: x}\n",
		"redis: {pool_size: x, password: hunter2}\n",
		"redis: {password:\n    hunter2, pool_size: x}\n",
		"redis: {password: [hunter2], pool_size: x}\n",
		"redis:\n  password: {hunter2: x}\n",
		"redis:\n  password: |\n    hunter2\n    more\n  pool_size: x\n",
		"redis:\n  password: hunter2\n  password: hunter2\n",
		"redis:\n  pasword: hunter2\n",
		"redis:\n  passphrase: hunter2\n",
		"redis: {pasword: hunter2, usrname: x}\n",
		"redis: {hunter2 x: y}\n",
		"redis:\n  password:hunter2\n  pool_size: 1\n",
		"redis:\n  password: hunter2: x\n",
		"redis:\n  password: 'hunter2\n",
		"redis:\n  password: @hunter2\n",
		"redis:\n\tpassword: hunter2\n",
		"redis:\n  password: !hunter2 x\n",
		"redis:\n  password: &hunter2 x\n",
		"redis:\n  password: *hunter2\n",
		"redis:\n  password: hunter2\n  password_file: x\n",
		"redis: {password: hunter2, password_file: x}\n",
		"redis: redis://u:hunter2@h\n",
		"redis: hunter2\n",
		"redis:\n  url: redis://u:hunter2@h:x\n",
		"redis:\n  url: redis://u:hunter2#x@h\n",
		"redis:\n  url: hunter2\n",
		"redis:\n  url: redis://u:hunter2@h: x\n",
		"redis:\n  uri: redis://u:hunter2@h\n",
		"http:\n  addr: redis://u:hunter2@h\n",
		"log: {level: 'redis://u:hunter2@h'}\n",
		"handlers:\n  email_send: {password: hunter2, port: 0}\n",
		"handlers:\n  email_send:\n    password: hunter2\n",
		"handlers: {email_send: {username: u, password: \"hunter2\n  x\\x\"}}\n",
	} {
		_, err := load(t, text)
		if err == nil {
			t.Errorf("%q: no error", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: secret in the error:\n%v", text, err)
		}
	}
	for _, v := range []string{
		"LEGWORK_REDIS_URL=redis://u:hunter2@h:x", "LEGWORK_REDIS_URL=hunter2", "LEGWORK_REDIS_PASSWRD=hunter2",
		"LEGWORK_REDIS_PASSWORD=hunter2\n", "LEGWORK_HTTP_ADDR=redis://u:hunter2@h", "LEGWORK_HANDLERS_EMAIL_SEND_PASSWORD=hunter2",
	} {
		_, err := configs.Load(configs.Source{Env: []string{v}})
		if err == nil {
			t.Errorf("%q: no error", v)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: secret in the error:\n%v", v, err)
		}
	}
}

// Promise: Redacted hides every secret, changes nothing else, and shares
// nothing with the original.
func TestRedacted(t *testing.T) {
	t.Parallel()
	c, err := configs.Load(configs.Source{Flags: map[string]string{
		"redis.url": "redis://u:hunter2@h:1/0", "redis.password": "hunter2", "roles": "api",
		"handlers.email_send.username": "u", "handlers.email_send.password": "hunter2", "handlers.http_request.allow_cidrs": "10.0.0.0/8",
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := c.Redacted()
	out, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hunter2") {
		t.Errorf("secret in\n%s", out)
	}
	want := c
	want.Redis.URL = "redis://[redacted]@h:1/0"
	want.Redis.Password = "[redacted]"
	want.Handlers.EmailSend.Password = "[redacted]"
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v\nwant %+v", r, want)
	}
	r.Roles[0] = "x"
	r.Worker.Queues["x"] = 1
	if c.Roles[0] != "api" || len(c.Worker.Queues) != 1 {
		t.Error("changing the copy changed the original")
	}
	if d := configs.Default(); !reflect.DeepEqual(d.Redacted(), d) {
		t.Error("Redacted changed a configuration without secrets")
	}
}

// Promise: a URL is redacted even where it is not valid.
func TestRedactedURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"embedded":            "embedded",
		"redis://h:1/0":       "redis://h:1/0",
		"redis://:p@h":        "redis://[redacted]@h",
		"redis://u:p@x@h":     "redis://[redacted]@h",
		"redis://u:p/w?x@h/0": "redis://[redacted]@h/0",
		"redis-sentinel://a,b/m?sentinel_password=p": "redis-sentinel://a,b/m?sentinel_password=[redacted]",
		"redis://u:p@h?db=1&PASSWORD=x&y":            "redis://[redacted]@h?db=1&PASSWORD=[redacted]&y",
		"unix://u:p@/run/r.sock?db=1":                "unix://[redacted]@/run/r.sock?db=1",
	} {
		c := configs.Default()
		c.Redis.URL = raw
		if got := c.Redacted().Redis.URL; got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
