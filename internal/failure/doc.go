// Package failure tells failures apart: those that have one cause get one
// fingerprint, whatever ids, numbers and addresses their messages carry.
//
// A fingerprint is made of the job's type, the kind of failure, the message after
// [Normalise], and of a panic also the code it came from, after [Frame]. A message
// is normalised word by word, from left to right:
//
//	dial tcp 10.2.0.7:5432: connect: connection refused   dial tcp <addr>: connect: connection refused
//	order 6f1c1f9e-5b7c-4a57-9b2f-3f1d2c4b5a69: 12 items   order <uuid>: <n> items
//	no rows for user "ann" after 1m30s                     no rows for user <str> after <dur>
//	get https://api.example.com/v1/users/42?q=1: EOF       get https://api.example.com/<path>: EOF
//
// What tells causes apart stays: plain words, the names of hosts (their ports do
// not), and codes that a word announces, as in "status 404" or "SQLSTATE 23505".
// What is quoted goes, so that "no such table: a" and "no such table: b" are two
// causes and `no such table "a"` and `no such table "b"` are one. An id made of
// letters only, and an id in hexadecimal that happens to have no letter, cannot be
// told from a word and from a number.
package failure
