package configs_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"legwork/configs"
)

// Promise: legwork.yaml is the defaults, with every key in it.
func TestExampleFile(t *testing.T) {
	t.Parallel()
	got, err := configs.Load(configs.Source{Path: "legwork.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, configs.Default()) {
		t.Errorf("legwork.yaml is not the defaults: %s", diffConfig(configs.Default(), got))
	}
	text, err := os.ReadFile("legwork.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	for _, k := range configs.Keys() {
		var node any = tree
		for _, name := range strings.Split(k.Name, ".") {
			section, _ := node.(map[string]any)
			var ok bool
			if node, ok = section[name]; !ok {
				t.Errorf("legwork.yaml lacks %s", k.Name)
			}
		}
	}
}

// Promise: places are right throughout a long, commented file.
func TestExampleFilePlaces(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("legwork.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(string(text), "\n")
	for i, line := range all {
		name, rest, ok := strings.Cut(line, ": ")
		if !ok || strings.Contains(name, "#") || rest == "" {
			continue
		}
		changed := append([]string(nil), all...)
		changed[i] = name + "x: " + rest
		_, err := load(t, strings.Join(changed, "\n"))
		list, ok := errors.AsType[configs.Errors](err)
		if !ok {
			if strings.TrimSpace(name) == "default" {
				continue
			}
			t.Fatalf("line %d, %q: no error", i+1, changed[i])
		}
		column := len(name) - len(strings.TrimSpace(name)) + 1
		if e := list[0]; e.Line != i+1 || e.Column != column || e.Problem != "unknown key" || e.Fix != "write "+strings.TrimSpace(name) {
			t.Errorf("line %d, %q: got %v", i+1, changed[i], e)
		}
	}
}

// Promise: production.yaml loads on its own, takes secrets from the
// environment, and is as hardened as it says.
func TestProductionFile(t *testing.T) {
	t.Parallel()
	if _, err := configs.Load(configs.Source{Path: "production.yaml"}); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(configs.Source{Path: "production.yaml", Env: []string{
		"LEGWORK_ROLES=worker,scheduler", "LEGWORK_HANDLERS_EMAIL_SEND_USERNAME=legwork", "LEGWORK_HANDLERS_EMAIL_SEND_PASSWORD=hunter2",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.Redis.URL, "rediss://") || c.Redis.TLS.CAFile == "" || c.Redis.TLS.InsecureSkipVerify {
		t.Errorf("Redis without checked TLS: %+v", c.Redis)
	}
	if c.Redis.Password != "" || strings.Contains(c.Redis.URL, "@") || c.Redis.PasswordFile == "" {
		t.Error("the password of Redis is not in a file of its own")
	}
	if c.Redis.PoolSize <= c.Worker.Concurrency {
		t.Errorf("pool of %d connections for %d workers", c.Redis.PoolSize, c.Worker.Concurrency)
	}
	if c.HTTP.ShutdownTimeout+c.Worker.StopTimeout+c.Worker.CancelGrace >= 30*time.Second {
		t.Error("a stop takes longer than Kubernetes waits")
	}
	want := map[string]int{"critical": 6, "default": 3, "low": 1}
	if !reflect.DeepEqual(c.Worker.Queues, want) || c.Log.Format != "json" || c.Handlers.HTTPRequest.AllowPrivate {
		t.Errorf("not hardened: %+v", c)
	}
}
