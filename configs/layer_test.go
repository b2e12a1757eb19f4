package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/configs"
)

// Promise: a mistake in a variable names the variable, the key and the fix.
func TestVariableMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ variable, want string }{
		{"LEGWORK_HTTP_ADDR=8080", "LEGWORK_HTTP_ADDR: http.addr: must be host:port, not 8080 [fix: write an address such as 127.0.0.1:8080, or :8080 for all interfaces]"},
		{"LEGWORK_WORKER_CONCURRENCY=ten", "LEGWORK_WORKER_CONCURRENCY: worker.concurrency: must be a whole number, not ten [fix: write decimal digits only, without quotes, such as 10]"},
		{"LEGWORK_WORKER_CONCURRENCY=99999999999999999999", "LEGWORK_WORKER_CONCURRENCY: worker.concurrency: must be a smaller number, not 99999999999999999999 [fix: write a smaller number]"},
		{"LEGWORK_WORKER_STRICT_PRIORITY=yes", "LEGWORK_WORKER_STRICT_PRIORITY: worker.strict_priority: must be true or false, not yes [fix: write true or false]"},
		{"LEGWORK_HTTP_READ_TIMEOUT=30", "LEGWORK_HTTP_READ_TIMEOUT: http.read_timeout: must be a duration with a unit, not 30 [fix: write 30s for seconds]"},
		{"LEGWORK_HTTP_BODY_LIMIT=1M", `LEGWORK_HTTP_BODY_LIMIT: http.body_limit: must be a size such as 512KiB or 1MiB, not "1M" [fix: write a whole number and one of B, KiB, MiB, GiB, KB, MB, GB, without a space]`},
		{"LEGWORK_WORKER_QUEUES=critical", "LEGWORK_WORKER_QUEUES: worker.queues: must be queues with numbers, not critical [fix: write name:number pairs, such as critical:6,default:3]"},
		{"LEGWORK_WORKER_QUEUES=a:1,b:x", `LEGWORK_WORKER_QUEUES: worker.queues: must have a whole number for each queue, not "b:x" [fix: write name:number pairs, such as critical:6,default:3]`},
		{"LEGWORK_WORKER_QUEUES=a:1,a:2", "LEGWORK_WORKER_QUEUES: worker.queues: must name each queue once, not a [fix: remove one of the two]"},
		{"LEGWORK_WORKER_QUEUES=a:1,:2", "LEGWORK_WORKER_QUEUES: worker.queues.\"\": must have queue names of 1 to 64 lower-case letters, digits, _ and - [fix: rename the queue]"},
		{"LEGWORK_ROLES=api,,worker", "LEGWORK_ROLES: roles[1]: must be api, worker, scheduler or dashboard [fix: write api, worker, scheduler or dashboard]"},
		{"LEGWORK_HANDLERS_HTTP_REQUEST_ALLOW_CIDRS=10.0.0.0/8,x", "LEGWORK_HANDLERS_HTTP_REQUEST_ALLOW_CIDRS: handlers.http_request.allow_cidrs: must be a network such as 10.1.0.0/16 or fd00::/8, not x [fix: write an address and a prefix length; one host is 10.1.2.3/32]"},
		{"LEGWORK_REDIS_PASSWORD=secret\n", "LEGWORK_REDIS_PASSWORD: redis.password: must be one line without control characters [fix: remove the line break, often one at the end]"},
		{"LEGWORK_HTTP_ADR=:80", "LEGWORK_HTTP_ADR: unknown variable [fix: use LEGWORK_HTTP_ADDR]"},
		{"LEGWORK_HTTP_PORT=8080", "LEGWORK_HTTP_PORT: unknown variable [fix: use LEGWORK_HTTP_ADDR]"},
	} {
		t.Run(tt.variable, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Load(configs.Source{Env: []string{tt.variable}})
			wantError(t, err, tt.want)
		})
	}
}

// Promise: a variable like no other is an error all the same, its name is
// shown without control characters, and the nearest one is named.
func TestVariableLikeNoOther(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]string{
		"LEGWORK_DATABASE_MIGRATIONS_FOLDER": "LEGWORK_DATABASE_MIGRATIONS_FOLDER", "LEGWORK_": "LEGWORK_", "LEGWORK_\x1bPE": `LEGWORK_\x1bPE`,
	} {
		_, err := configs.Load(configs.Source{Env: []string{name + "=x"}})
		if err == nil {
			t.Errorf("%q: no error", name)
		} else if got := err.Error(); !strings.HasPrefix(got, shown+": unknown variable [fix: ") || !strings.Contains(got, " LEGWORK_") {
			t.Errorf("%q: got %s", name, got)
		}
	}
}

// Promise: empty variables, those of the client, those of other programs and
// those that Kubernetes adds for services are no mistakes.
func TestVariablesIgnored(t *testing.T) {
	t.Parallel()
	got, err := configs.Load(configs.Source{Env: []string{
		"LEGWORK_HTTP_ADDR=", "LEGWORK_ROLES=", "LEGWORK_API_KEY=k", "LEGWORK_API_URL=u", "LEGWORK_CONFIG=c",
		"PATH=/bin", "LEGWORKS_X=1", "legwork_http_addr=:1", "LEGWORK", "=C:=x", "",
		"LEGWORK_PORT=tcp://10.0.0.1:80", "LEGWORK_SERVICE_HOST=10.0.0.1", "LEGWORK_SERVICE_PORT=80", "LEGWORK_SERVICE_PORT_HTTP=80",
		"LEGWORK_PORT_80_TCP=tcp://10.0.0.1:80", "LEGWORK_PORT_80_TCP_PROTO=tcp", "LEGWORK_PORT_80_TCP_PORT=80", "LEGWORK_PORT_80_TCP_ADDR=10.0.0.1",
		"LEGWORK_REDIS_MASTER_PORT=tcp://10.0.0.2:6379", "LEGWORK_REDIS_MASTER_SERVICE_HOST=10.0.0.2",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffConfig(configs.Default(), got); diff != "" {
		t.Error(diff)
	}
}

// Promise: a mistake in a flag names the flag as it is written.
func TestFlagMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, value, want string }{
		{"worker.concurrency", "-1", "--worker-concurrency: worker.concurrency: must be 0 to 10000, not -1 [fix: write at least 0 (jobs run at the same time; 0 means 10 per CPU)]"},
		{"http.read_timeout", "soon", "--http-read-timeout: http.read_timeout: must be a duration such as 30s or 1h30m, not soon [fix: write numbers with the units h, m, s, ms]"},
		{"http.read_timeout", "", "--http-read-timeout: http.read_timeout: must not be empty [fix: give a value, such as 30s]"},
		{"roles", "", "--roles: roles: must name at least one role [fix: write one or more of api, worker, scheduler, dashboard]"},
		{"http.adr", ":1", "--http-adr: unknown flag [fix: use --http-addr]"},
	} {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Load(configs.Source{Flags: map[string]string{tt.key: tt.value}})
			wantError(t, err, tt.want)
		})
	}
}

// Promise: an empty flag empties a text or a list that the file has set.
func TestFlagEmpties(t *testing.T) {
	t.Parallel()
	path := write(t, "redis: {username: me}\nhandlers: {http_request: {allow_cidrs: [10.0.0.0/8]}}\n")
	got, err := configs.Load(configs.Source{Path: path, Flags: map[string]string{"redis.username": "", "handlers.http_request.allow_cidrs": ""}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("", diffConfig(configs.Default(), got)); diff != "" {
		t.Error(diff)
	}
}
