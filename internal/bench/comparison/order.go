package comparison

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// envProfile names a folder; when set, each child writes the CPU profile of its
// half round there, named after scenario and side. The last round's stays.
const envProfile = "LEGWORK_BENCH_PROFILE"

// order tells a child which half round to run.
type order struct {
	Scenario string  `json:"scenario"`
	Side     string  `json:"side"`
	RedisURL string  `json:"redis_url"`
	Scale    float64 `json:"scale"`
}

// Serve is the child: it reads its order from in, runs that half round, and
// writes the measures to out. When in ends first, the parent has died, and the
// half round ends with an error.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	read := json.NewDecoder(in)
	var o order
	if err := read.Decode(&o); err != nil {
		return fmt.Errorf("read the order of a half round: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel(errors.New("the run has ended"))
	}()
	m, err := o.run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

// find returns what the names of the order stand for.
func (o order) find() (scenario, side, error) {
	for _, sc := range scenarios() {
		for _, s := range sc.sides {
			if sc.name == o.Scenario && s.name == o.Side {
				return sc, s, nil
			}
		}
	}
	return scenario{}, side{}, fmt.Errorf("no scenario %q with a side %q", o.Scenario, o.Side)
}

func (o order) run(ctx context.Context) (m measures, err error) {
	sc, s, err := o.find()
	if err != nil {
		return nil, err
	}
	redis, err := openProbe(o.RedisURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, redis.close()) }()
	p, err := openPeer(ctx, o.RedisURL, s)
	if err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endMax)
		defer cancel()
		err = errors.Join(err, p.stop(ctx), p.close())
	}()
	finish, err := o.profile(os.Getenv(envProfile))
	if err != nil {
		return nil, err
	}
	m, err = sc.measure(ctx, p, half{side: s, scale: o.Scale, redis: redis})
	return m, errors.Join(err, finish())
}

// profile begins a CPU profile in the folder, if any.
func (o order) profile(folder string) (finish func() error, err error) {
	if folder == "" {
		return func() error { return nil }, nil
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(o.Scenario + "-" + o.Side))
	file, err := os.Create(filepath.Join(folder, name+".pprof"))
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
