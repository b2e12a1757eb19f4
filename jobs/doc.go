// Package jobs is what the author of a job handler imports: a registry of typed
// handlers, their options, and the errors with which a handler says what should
// happen next.
//
// A handler is a function from a payload to a result. Its types are the
// contract: Legwork derives a JSON Schema from the payload type and checks
// every job against it before it is accepted.
//
//	type Invoice struct {
//		CustomerID int    `json:"customer_id" jsonschema:"minimum=1"`
//		Email      string `json:"email" jsonschema:"format=email"`
//	}
//	type Receipt struct {
//		URL string `json:"url"`
//	}
//
//	func send(ctx context.Context, in Invoice) (Receipt, error) { ... }
//
//	func main() {
//		cmd.Main(func(r *jobs.Registry) {
//			jobs.Handle(r, "invoice.send", send, jobs.Options{Queue: "billing", MaxRetries: 8})
//		})
//	}
//
// # What a handler's return means
//
//   - nil: the job is completed, and its result is kept for [Options.Retention].
//   - an error: the attempt failed. The job is tried again after the type's
//     [Backoff] until [Options.MaxRetries] are used up; then it is archived as a
//     dead letter, where it stays.
//   - [Permanent]: archived at once. [RetryAfter]: tried again after a delay of
//     the handler's choosing. [Snooze]: put back without using up an attempt.
//     [Discard]: ended without a dead letter.
//   - a panic or runtime.Goexit: a failed attempt, as any error.
//
// The context ends when the job's timeout or deadline passes, when somebody
// cancels the job, and when the worker stops; a handler should return then.
//
// # Effects
//
// A job may run more than once: an attempt fails half-way, or a worker dies after
// the effect and before the acknowledgement. [Once] does an effect unless an
// earlier run of the job has done it, and returns the result either way:
//
//	receipt, err := jobs.Once(ctx, "charge", func(ctx context.Context) (Receipt, error) {
//		return bank.Charge(ctx, order.Card, order.Total)
//	})
//	if err != nil {
//		return err
//	}
//	// When this fails, the next attempt comes here without charging again.
//	return mail.Send(ctx, order.Email, receipt)
//
// Two runs of one job can overlap, when the process of the first was frozen or cut
// off for so long that it was taken for dead. Only one of them is rightful: the one
// with the greater [JobInfo.Token]. The other one's effects are refused with
// [ErrStale], as are its result and its end.
//
// No runner can look into another system. Between the effect and its note a process
// can die, and then the effect is done again. To close that gap, let the other
// system refuse the second one: give it an idempotency key made of the job's id,
// which stays the same across attempts, and the key of the effect; or, where it can
// refuse what is older than what it has seen, the token.
//
// The package is a leaf: it imports no transport and nothing else of Legwork.
package jobs
