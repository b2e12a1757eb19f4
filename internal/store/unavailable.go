package store

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Unavailable reports whether err means that Redis could not be reached, did
// not answer in time, or would not serve just now (loading, failing over, out
// of memory, unable to write to disk, refusing our credentials). What was asked
// may be right and is worth repeating later; whether it was done is not known.
//
// It is false for nil, for [redis.Nil], for errors in what was asked (a wrong
// type, a broken script) and for [context.Canceled], which is the caller's doing.
func Unavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if reply, ok := errors.AsType[redis.Error](err); ok {
		return refusal(reply.Error()) != ""
	}
	for _, known := range []error{
		context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		redis.ErrClosed, redis.ErrPoolTimeout, redis.ErrPoolExhausted, errUnknownMaster, ErrUnreachable,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return mistrusted(err)
}

// Denied reports whether err means that Redis refuses our user, password or
// rights: Redis runs, and trying again will not help until somebody changes
// the one or the other. A denied error is also [Unavailable].
func Denied(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return false
	}
	switch refusal(reply.Error()) {
	case "NOAUTH", "WRONGPASS", "NOPERM":
		return true
	}
	return false
}

// Full reports whether err means that Redis is over its maxmemory and refused a
// write. A full error is also [Unavailable].
func Full(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && refusal(reply.Error()) == "OOM"
}

// WrongType reports whether err means that a key holds another type of value than
// the command or script expects: somebody has put something under one of our names.
// That stays so until somebody removes it.
func WrongType(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && code(reply.Error()) == "WRONGTYPE"
}

// mistrusted reports whether TLS failed for good: an unknown authority, a wrong
// name, an expired certificate, or a server that does not speak TLS.
func mistrusted(err error) bool {
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	return cert || plain || alert
}

// refusal returns the code of an error reply with which Redis refuses to serve
// anything, or anything of that kind, now; "" for any other reply. The codes
// are those of Redis 6 to 8.
func refusal(reply string) string {
	reply = strings.TrimPrefix(reply, "EXECABORT Transaction discarded because of: ")
	if strings.HasPrefix(reply, "ERR max number of clients") {
		return "ERR"
	}
	// What Redis since 6.2.6 says to a long command without a password.
	if strings.HasPrefix(reply, "ERR Protocol error: unauthenticated") {
		return "NOAUTH"
	}
	switch code := code(reply); code {
	case "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED",
		"CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK",
		"OOM", "MISCONF", "BUSY",
		"NOAUTH", "WRONGPASS", "NOPERM":
		return code
	}
	// What Redis before 6 says to a wrong or missing password.
	if reply == "ERR invalid password" || strings.HasPrefix(reply, "ERR Client sent AUTH, but no password is set") ||
		strings.HasPrefix(reply, "ERR AUTH <password> called without any password configured") {
		return "WRONGPASS"
	}
	return ""
}

// code returns the first word of an error reply. Until Redis 7 an error inside a
// script is told as "ERR Error running script (...): @user_script:1: -OOM ...".
func code(reply string) string {
	if strings.HasPrefix(reply, "ERR Error running script") {
		if i := strings.LastIndex(reply, ": -"); i >= 0 {
			reply = reply[i+len(": -"):]
		}
	}
	first, _, _ := strings.Cut(reply, " ")
	return first
}
