package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/jobs"
)

// A front is a server process that the benchmarks load: this test binary,
// started again with these variables.
const (
	envFront   = "LEGWORK_BENCH_FRONT"   // which front to be
	envRedis   = "LEGWORK_BENCH_REDIS"   // host:port of its Redis
	envProfile = "LEGWORK_BENCH_PROFILE" // folder for a CPU profile of each front; set it to get some
)

const (
	frontLegwork = "legwork"
	frontBarest  = "barest"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(envFront); kind != "" {
		if err := serveFront(kind, os.Getenv(envRedis), os.Getenv(envProfile)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// serveFront prints the front's address and serves until stdin ends.
func serveFront(kind, redis, profiles string) error {
	if profiles != "" {
		file, err := os.Create(filepath.Join(profiles, kind+".pprof"))
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if kind == frontLegwork {
		return serveLegwork(ctx, redis)
	}
	return serveBarest(ctx, redis)
}

// order is the payload that both fronts take.
type order struct {
	CustomerID int    `json:"customer_id" jsonschema:"minimum=1"`
	Note       string `json:"note" jsonschema:"minLength=1"`
}

// orderPayload has 100 bytes.
func orderPayload() string {
	const frame = len(`{"customer_id":12345,"note":""}`)
	return fmt.Sprintf(`{"customer_id":12345,"note":"%s"}`, strings.Repeat("x", 100-frame))
}

// serveLegwork is Legwork's API role as `legwork serve --roles api` runs it.
func serveLegwork(ctx context.Context, redis string) error {
	r := jobs.NewRegistry()
	jobs.Handle(r, "order.place", func(context.Context, order) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	cfg := configs.Default()
	cfg.Roles = []string{configs.RoleAPI}
	cfg.HTTP.Addr = "127.0.0.1:0"
	cfg.Redis.URL = "redis://" + redis
	a, err := app.New(app.Options{Config: cfg, Registry: r, Version: "bench", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	return a.Run(ctx, func() { fmt.Println(a.Addr()) })
}

// serveBarest is the least that an honest front does without Legwork: decode,
// enqueue with asynq's client, answer with the id. It checks nothing.
func serveBarest(ctx context.Context, redis string) error {
	c := asynq.NewClient(asynq.RedisClientOpt{Addr: redis})
	defer c.Close()
	e := echo.New()
	e.POST("/v1/jobs", func(ec echo.Context) error {
		var in struct {
			Type    string          `json:"type"`
			Payload json.RawMessage `json:"payload"`
		}
		if err := ec.Bind(&in); err != nil {
			return err
		}
		info, err := c.EnqueueContext(ec.Request().Context(), asynq.NewTask(in.Type, in.Payload))
		if err != nil {
			return err
		}
		return ec.JSON(http.StatusAccepted, map[string]string{"id": info.ID})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: e}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	fmt.Println(l.Addr())
	if err := s.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// front is a running server process.
type front struct {
	url  *url.URL
	kind string
	cmd  *exec.Cmd
	stop func() error // tells it to end and waits for that; may be called twice
}

func startFront(tb testing.TB, kind, redis string) *front {
	tb.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envFront+"="+kind, envRedis+"="+redis)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	f := &front{kind: kind, cmd: c, stop: sync.OnceValue(func() error {
		_ = in.Close()
		return c.Wait()
	})}
	tb.Cleanup(func() { f.end(tb) })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("front %s did not start: %v", kind, err)
	}
	f.url = &url.URL{Scheme: "http", Host: strings.TrimSpace(addr)}
	return f
}

// end stops the front and returns the CPU time that it took.
func (f *front) end(tb testing.TB) time.Duration {
	tb.Helper()
	if err := f.stop(); err != nil {
		tb.Errorf("front %s: %v", f.kind, err)
	}
	return f.cmd.ProcessState.UserTime() + f.cmd.ProcessState.SystemTime()
}
