package engine

import "google.golang.org/protobuf/encoding/protowire"

const (
	// heartbeatWorkers is the number of arguments of asynq's heartbeat before pairs
	// of an id and an encoded WorkerInfo, one for each running job.
	heartbeatWorkers = 2
	// workerInfoPayload is the number of the field task_payload of a WorkerInfo, in
	// asynq's internal/proto/asynq.proto.
	workerInfoPayload = 6
)

// withoutPayloads returns the arguments of asynq's heartbeat without the payloads of
// running jobs, which it would send every five seconds: with 100 jobs of 256 KiB,
// 5 MB each second. Payloads are read from the jobs themselves. The rest, which
// asynq's tools show, stays.
func withoutPayloads(args []any) []any {
	out := append([]any(nil), args...)
	for i := heartbeatWorkers + 1; i < len(out); i += 2 {
		if raw, ok := out[i].([]byte); ok {
			out[i] = withoutField(raw, workerInfoPayload)
		}
	}
	return out
}

// withoutField returns a protobuf message without a field, or the message itself when
// it cannot be read.
func withoutField(raw []byte, field protowire.Number) []byte {
	out := make([]byte, 0, len(raw))
	for rest := raw; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return raw
		}
		if number != field {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}
