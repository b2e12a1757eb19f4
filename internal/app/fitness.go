package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"legwork/configs"
	"legwork/internal/doctor"
)

// fitnessTimeout bounds the examination of Redis at the start. What it cannot
// learn in that time stops the start only where durability strict wants to know it.
const fitnessTimeout = 2 * time.Second

// ErrUnfit is returned by [App.Run] when Redis is set up so that jobs are not safe
// in it. No setting of Legwork's overrides that but redis.durability.
var ErrUnfit = errors.New("jobs are not safe in this redis")

// examine looks at the settings of Redis and warns of what may lose jobs. It
// returns an error that wraps [ErrUnfit] for what would.
func (a *App) examine(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, fitnessTimeout)
	defer cancel()
	report := doctor.New(doctor.Options{
		Redis: a.redis, Strict: a.cfg.Redis.Durability == configs.DurabilityStrict, FullAt: a.cfg.Redis.FullAt,
	}).ExamineServer(bounded)
	if ctx.Err() != nil {
		return fmt.Errorf("examine redis: %w", context.Cause(ctx))
	}
	var refusals []error
	for _, f := range report.WorstFirst() {
		switch {
		case f.RefusesStart:
			refusals = append(refusals, fmt.Errorf("%w: %s: %s%s. %s", ErrUnfit, f.Code, f.Value, at(f), f.Remedy))
		case f.Level == doctor.LevelFail, f.Level == doctor.LevelWarn:
			a.log.WarnContext(ctx, "redis: "+f.Code+": "+f.Value+at(f), "remedy", f.Remedy)
		case f.Level == doctor.LevelUnknown:
			a.log.InfoContext(ctx, "redis: "+f.Code+": "+f.Value+at(f))
		}
	}
	return errors.Join(refusals...)
}

// at names the servers of a Cluster that a finding is about.
func at(f doctor.Finding) string {
	if len(f.Nodes) == 0 {
		return ""
	}
	return fmt.Sprintf(" at %v", f.Nodes)
}
