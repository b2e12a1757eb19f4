package doctor

import (
	"context"
	"fmt"
)

const (
	remedyAOF    = "Set appendonly yes and appendfsync everysec, in redis.conf too: redis-cli config set appendonly yes."
	remedyStrict = "redis.durability is strict: set appendonly yes and appendfsync always, in redis.conf too, or choose redis.durability standard and lose about a second of jobs when the power fails."
)

// persistence says what a crash of Redis loses. Under durability strict anything
// but a file synced at every write keeps Legwork from starting, and so does not
// knowing.
func (d *Doctor) persistence(ctx context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		f := persistenceOf(ctx, n)
		if d.strict && f.Value != aofAlways {
			if f.Level == LevelUnknown {
				f.Remedy = "redis.durability is strict, but whether Redis syncs every write cannot be verified. Allow the user CONFIG GET (ACL SETUSER ... +config|get), or choose redis.durability standard."
			} else {
				f.Level, f.Remedy = LevelFail, remedyStrict
			}
			f.RefusesStart = true
		}
		return f
	})
}

const aofAlways = "append-only file, synced at every write"

func persistenceOf(ctx context.Context, n node) Finding {
	aof, err := n.field("aof_enabled")
	if err != nil {
		return unknown(CodePersistence, err)
	}
	if aof != "1" {
		return snapshots(ctx, n)
	}
	fsync, err := n.setting(ctx, "appendfsync")
	switch {
	case err != nil:
		return unknown(CodePersistence, fmt.Errorf("append-only file, but how often it is synced is not told: %w", err))
	case fsync == "always":
		return ok(CodePersistence, aofAlways)
	case fsync == "everysec":
		return ok(CodePersistence, "append-only file, synced every second")
	}
	return warn(CodePersistence, "append-only file, synced when the system likes (appendfsync "+fsync+")",
		"A power failure loses half a minute of accepted jobs. Set appendfsync everysec, in redis.conf too: redis-cli config set appendfsync everysec.")
}

// snapshots judges a server without an append-only file.
func snapshots(ctx context.Context, n node) Finding {
	save, err := n.setting(ctx, "save")
	switch {
	case err != nil:
		return warn(CodePersistence, "no append-only file; whether there are snapshots is not told ("+err.Error()+")",
			"A crash of Redis loses accepted jobs. "+remedyAOF)
	case save == "":
		return fail(CodePersistence, "none: neither append-only file nor snapshots", "A restart of Redis loses every job. "+remedyAOF)
	}
	return warn(CodePersistence, "snapshots only (save "+save+")",
		"A crash of Redis loses the jobs accepted since the last snapshot, minutes or an hour of them. "+remedyAOF)
}

// diskWrites looks at how the last writes to disk went.
func diskWrites(ctx context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		if _, err := n.field("rdb_last_bgsave_status"); err != nil {
			return unknown(CodeDiskWrites, err)
		}
		bad := func(field string) bool { value := n.info[field]; return value != "" && value != "ok" }
		switch {
		case bad("aof_last_write_status"):
			return fail(CodeDiskWrites, "the last write to the append-only file failed",
				"Redis refuses writes (MISCONF) until it can write again. Make room on its disk or mend it; its log has the error.")
		case bad("rdb_last_bgsave_status"):
			return badSnapshot(ctx, n)
		case bad("aof_last_bgrewrite_status"):
			return warn(CodeDiskWrites, "the last rewrite of the append-only file failed",
				"The file grows without end. Make room on Redis' disk, and in memory for a fork (vm.overcommit_memory=1); its log has the error.")
		}
		return ok(CodeDiskWrites, "the last ones went well")
	})
}

func badSnapshot(ctx context.Context, n node) Finding {
	const value = "the last snapshot failed"
	const remedy = "Make room on Redis' disk, and in memory for a fork (vm.overcommit_memory=1); its log has the error."
	if stop, err := n.setting(ctx, "stop-writes-on-bgsave-error"); err == nil && stop == "no" {
		return warn(CodeDiskWrites, value, remedy)
	}
	return fail(CodeDiskWrites, value, "Redis may refuse every write (MISCONF) until one succeeds. "+remedy)
}
