package inspect

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"legwork/client"
	"legwork/internal/store"
)

// addAttempts reads what is recorded of the job's failed attempts. Cost: one round
// trip.
func (i *Inspector) addAttempts(ctx context.Context, r *record, j *client.Job) error {
	fields := make([]string, 1, store.AttemptsMax+1)
	fields[0] = store.FieldFails
	for n := range store.AttemptsMax {
		fields = append(fields, store.FieldFailPrefix+strconv.Itoa(n))
	}
	values, err := i.redis.HMGet(ctx, store.KeysOf(r.queue).Task(r.id), fields...).Result()
	if err != nil {
		return wrap("read the job's attempts", err)
	}
	count, _ := values[0].(string)
	j.FailedAttempts, _ = strconv.Atoi(count)
	j.Attempts = attempts(j.FailedAttempts, values[1:])
	return nil
}

// attempts reads the ring of records, in which the nth stands at n modulo its size.
// A record that cannot be read is passed over.
func attempts(count int, ring []any) []client.Attempt {
	var out []client.Attempt
	for n := max(1, count-store.AttemptsMax+1); n <= count; n++ {
		raw, _ := ring[n%store.AttemptsMax].(string)
		var a store.Attempt
		if json.Unmarshal([]byte(raw), &a) == nil {
			out = append(out, viewAttempt(a))
		}
	}
	return out
}

func viewAttempt(a store.Attempt) client.Attempt {
	v := client.Attempt{
		Number: a.Number, EndedAt: time.UnixMilli(a.Ended).UTC(), Worker: a.Worker, Host: a.Host,
		Kind: a.Kind, Error: a.Error, Stack: a.Stack, Final: a.Final, Fingerprint: a.Fingerprint,
	}
	if a.Started > 0 {
		v.StartedAt = moment(time.UnixMilli(a.Started))
		v.Duration = client.Duration(max(0, a.Ended-a.Started)) * client.Duration(time.Millisecond)
	}
	if !a.Final {
		delay := client.Duration(time.Duration(a.Delay) * time.Millisecond)
		v.Delay = &delay
	}
	return v
}
