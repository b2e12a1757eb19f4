package doctor

import (
	"context"
	"fmt"

	"legwork/internal/store"
)

// warnShare is the part of what may be used from which on the memory is worth a
// warning.
const warnShare = 0.75

// eviction holds Redis to noeviction. Other policies delete keys when memory is
// short: jobs, or the pulses of processes that hold them. It does not matter
// whether a maxmemory is set now: it can be at any time, by anybody.
func eviction(_ context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		policy, err := n.field("maxmemory_policy")
		switch {
		case err != nil:
			return unknown(CodeEviction, err)
		case policy != "noeviction":
			f := fail(CodeEviction, policy, "Redis deletes accepted jobs, or what keeps running ones from being run twice, when memory is short. "+
				"Set maxmemory-policy noeviction, in redis.conf too: redis-cli config set maxmemory-policy noeviction.")
			f.RefusesStart = true
			return f
		}
		return ok(CodeEviction, policy)
	})
}

// memory looks at the room that is left below maxmemory.
func (d *Doctor) memory(ctx context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		m, err := store.ReadMemory(ctx, n.Client)
		if err != nil {
			return unknown(CodeMemory, err)
		}
		if m.Max == 0 {
			return warn(CodeMemory, size(m.Used)+" used, no maxmemory",
				"Redis grows until the system kills it. Set maxmemory to what the machine can spare, in redis.conf too; Legwork then refuses new jobs before it is full.")
		}
		value := fmt.Sprintf("%s of %s used (%.0f %%)", size(m.Used), size(m.Max), 100*m.Share())
		most := 1.0
		if d.fullAt > 0 {
			most = float64(d.fullAt) / 100
		}
		const room = "Raise maxmemory, shorten retentions, or delete dead letters; see whether the workers keep up."
		switch {
		case m.Share() >= 1:
			return fail(CodeMemory, value, "Redis refuses new jobs (OOM). "+room)
		case m.Share() >= most:
			return fail(CodeMemory, value, fmt.Sprintf("Legwork refuses new jobs from %d %% on (redis.full_at). %s", d.fullAt, room))
		case m.Share() >= warnShare*most:
			return warn(CodeMemory, value, fmt.Sprintf("New jobs are refused from %.0f %% on. %s", 100*most, room))
		}
		return ok(CodeMemory, value)
	})
}

// size writes a number of bytes.
func size(n int64) string {
	const unit = 1024
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && value >= unit {
		value, units = value/unit, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
