package engine

import (
	"fmt"
	"log/slog"
	"strings"
)

// asynqLogger carries asynq's lines into slog. Legwork says itself what becomes
// of a job, so asynq's account of it is for debugging.
type asynqLogger struct{ log *slog.Logger }

func (l asynqLogger) Debug(args ...any) { l.log.Debug(line(args)) }
func (l asynqLogger) Info(args ...any)  { l.log.Debug(line(args)) }
func (l asynqLogger) Warn(args ...any)  { l.log.Debug(line(args)) }
func (l asynqLogger) Error(args ...any) { l.log.Warn(line(args)) }
func (l asynqLogger) Fatal(args ...any) { l.log.Error(line(args)) }

func line(args []any) string { return "asynq: " + strings.TrimSpace(fmt.Sprint(args...)) }
