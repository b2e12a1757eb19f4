package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"legwork/configs"
)

func ExampleLoad() {
	folder, err := os.MkdirTemp("", "legwork")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "legwork.yaml")
	if err := os.WriteFile(path, []byte("worker:\n  concurrency: 8\n"), 0o600); err != nil {
		panic(err)
	}

	c, err := configs.Load(configs.Source{
		Path:  path,
		Env:   []string{"LEGWORK_WORKER_CONCURRENCY=16"},
		Flags: map[string]string{"http.addr": ":9000"},
	})
	fmt.Println(c.Worker.Concurrency, c.HTTP.Addr, err)
	// Output: 16 :9000 <nil>
}

func ExampleLoad_mistakes() {
	_, err := configs.Load(configs.Source{
		Env:   []string{"LEGWORK_HTTP_ADR=:9000"},
		Flags: map[string]string{"worker.stop_timeout": "30"},
	})
	fmt.Println(err)
	// Output:
	// LEGWORK_HTTP_ADR: unknown variable [fix: use LEGWORK_HTTP_ADDR]
	// --worker-stop-timeout: worker.stop_timeout: must be a duration with a unit, not 30 [fix: write 30s for seconds]
}

func ExampleKeys() {
	for _, k := range configs.Keys() {
		if strings.HasPrefix(k.Name, "log.") {
			fmt.Printf("%s  %s  --%s  %s  %s: %s\n", k.Name, k.Env, k.Flag, k.Default, k.Allowed, k.Doc)
		}
	}
	// Output:
	// log.level  LEGWORK_LOG_LEVEL  --log-level  info  debug, info, warn or error: least severe level that is written
	// log.format  LEGWORK_LOG_FORMAT  --log-format  text  text or json: form of a line
}
