// Package httprequest is the shipped job type "http.request": it calls an HTTP
// address and keeps the answer as the job's result.
//
// # What the answer means
//
// The status decides. A 2xx status, or one of the payload's expect_status,
// completes the job. 408, 425, 429 and 5xx, as well as connection errors and
// timeouts, fail the attempt, and the job is tried again: after the time that
// the answer's Retry-After asks for (RFC 9110, 10.2.3; at most
// [RetryAfterMax]), else with the type's backoff. Every other status is
// permanent.
//
// # What is sent
//
// Each request carries the job's id as Legwork-Job-Id and as Idempotency-Key,
// unless the payload sets them, so that the other side can recognise a second
// attempt. At most [RedirectsMax] redirects are followed. A redirect to another
// origin (scheme, host or port) gets none of the payload's headers but a few
// harmless ones, and a 301 or 302 that would turn a POST into a GET is refused,
// since the body would be lost without anybody noticing.
//
// # Where it may go
//
// Only http and https, never through a proxy of the environment, and only to
// public addresses: the address is checked after the name was resolved, when
// the connection is made, for each redirect anew. [Options.AllowPrivate] and
// [Options.AllowCIDRs] open what an operator wants to reach.
//
// Error texts name the scheme and the host of the address and nothing else of
// it, because paths, queries and user names often hold secrets.
package httprequest
