// Package stats is how Legwork counts what happens to jobs: which events, the
// histogram of times, and the form in which both are kept in Redis. Who counts
// (internal/engine) and who reads (internal/inspect) share it.
//
// A minute, and an hour, is one HASH. Its fields are series, a type of job in a
// queue; the value of a field is all that was counted of that series:
//
//	legwork:{stats}:m:29401234   "email.send|default"  ->  "e=12 s=11 o=10 f=1 a=1 w0=9 w14=2 r21=11"
//
// One short text instead of a field for each counter takes a tenth of the memory:
// about 200 bytes for a minute of a series.
package stats
