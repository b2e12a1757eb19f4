// Package client is the Go client of Legwork's HTTP API, and the wire types
// that the server itself uses. It imports the standard library only.
//
//	c, err := client.New(client.Options{BaseURL: "http://127.0.0.1:8080", APIKey: key})
//	if err != nil {
//		return err
//	}
//	job, err := c.Enqueue(ctx, client.Enqueue{
//		Type:    "email.send",
//		Payload: json.RawMessage(`{"to":"ada@example.com"}`),
//	})
//
// # Errors
//
// An answer of 3xx, 4xx or 5xx is a [*Problem], to be taken from the chain with
// errors.As or errors.AsType; its Code is one of the constants of this package.
// When there was no whole answer at all (no connection, cut off, context ended)
// the chain holds a [*net/url.Error]. Redirects are not followed.
//
// # Repeating
//
// Nothing is repeated unless [Options].Retries says so. Then a call is repeated
// only after 503 or 429 and only if doing it twice is the same as doing it once:
// reading, [Client.Delete], and [Client.Enqueue] with an ID of the caller's
// choosing. The wait is the answer's Retry-After, else [RetryWaitDefault],
// doubled at every further try; when the answer asks for more than
// [RetryWaitMax], or the context would end first, the problem is returned at
// once.
//
// # Following a job
//
//	for event, err := range c.Tail(ctx, job.ID, client.TailOptions{}) {
//		if err != nil {
//			return err
//		}
//		if event.Log != nil {
//			fmt.Println(event.Log.Message)
//		}
//	}
//
// [Client.Tail] takes a stream that broke up where it broke, without being asked to.
package client
