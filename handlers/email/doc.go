// Package email is the shipped job type "email.send": it hands one message to
// an SMTP server (RFC 5321).
//
// # What the server's answer means
//
// A message the server has taken completes the job. A 4xx reply, a connection
// that breaks and a timeout fail the attempt, and the job is tried again. A 5xx
// reply (an unknown recipient, a refused login) is permanent. The recipients
// stand or fall together: when the server refuses one, nobody gets the message.
//
// # Twice the same message
//
// A connection can break after the server took the message and before it said
// so; the next attempt then sends it again. The Message-ID follows from the job,
// so both copies carry the same one and mail programs show them once.
//
// # Safety
//
// With [TLSStart], the default, a server that offers no STARTTLS gets neither
// the login nor the message. Line breaks and other control characters in
// subjects, names, addresses and headers are refused, since they would start
// headers of their own. The password appears in no error.
package email
