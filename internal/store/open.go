package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Defaults of [Options].
const (
	DialTimeoutDefault  = 3 * time.Second
	ReadTimeoutDefault  = 5 * time.Second
	WriteTimeoutDefault = 5 * time.Second
)

// A command that failed for a reason that may pass (no connection, a lost one,
// LOADING, READONLY and the like) is sent again that often, after a pause that
// grows from the first to the second bound. Every attempt dials once.
const (
	retries    = 2
	redirects  = 3 // Cluster: retries and MOVED or ASK together
	backoffMin = 20 * time.Millisecond
	backoffMax = 250 * time.Millisecond
)

// Options says how to connect to Redis.
type Options struct {
	// URL of the Redis; the package comment has the forms. Required.
	URL string
	// Username and Password override those of the URL when not empty.
	Username, Password string
	// TLS is used with URLs that ask for TLS.
	TLS TLSFiles
	// PoolSize is the number of connections kept to each server; pipelines
	// have up to ten of their own beside them. Defaults to 10 per CPU, and 5
	// per CPU for each node of a Cluster.
	PoolSize int
	// DialTimeout bounds one attempt to connect, TLS handshake included.
	// Defaults to DialTimeoutDefault.
	DialTimeout time.Duration
	// ReadTimeout bounds the wait for one reply. Defaults to ReadTimeoutDefault.
	ReadTimeout time.Duration
	// WriteTimeout bounds the sending of one command or pipeline. Defaults to
	// WriteTimeoutDefault.
	WriteTimeout time.Duration
	// ClientName is what CLIENT LIST shows for the connections. Defaults to
	// no name.
	ClientName string
}

// Open returns a client for the Redis at o.URL. It checks the options and reads
// the TLS files, but does not connect: use [WaitReady] for that.
//
// The deadline of a context bounds an operation as a whole: waiting for a free
// connection, dialing, retries, sending, and the reply. (Cancelling a context
// that has no deadline does not end the wait for a reply; the timeouts do.) A
// command may run twice when the connection breaks before its reply arrives, so
// commands must be safe to repeat.
func Open(o Options) (redis.UniversalClient, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	a, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := o.TLS.config(a.tls)
	if err != nil {
		return nil, fmt.Errorf("redis url %q: %w", Redact(o.URL), err)
	}
	u := o.universal(a)
	u.Dialer = dialer{timeout: u.DialTimeout, tls: tlsConfig}.dial
	switch a.topology {
	case cluster:
		return redis.NewClusterClient(u.Cluster()), nil
	case sentinel:
		c := redis.NewFailoverClient(u.Failover())
		c.AddHook(masterHook{master: a.master})
		return c, nil
	default:
		return redis.NewClient(u.Simple()), nil
	}
}

func (o *Options) check() error {
	if o.URL == "" {
		return errors.New("the redis url is empty; set it, for example to redis://localhost:6379/0")
	}
	if o.PoolSize < 0 {
		return fmt.Errorf("redis pool size %d is negative; use 0 for the default", o.PoolSize)
	}
	for _, t := range []struct {
		name  string
		value *time.Duration
		unset time.Duration
	}{
		{"dial", &o.DialTimeout, DialTimeoutDefault},
		{"read", &o.ReadTimeout, ReadTimeoutDefault},
		{"write", &o.WriteTimeout, WriteTimeoutDefault},
	} {
		if *t.value < 0 {
			return fmt.Errorf("redis %s timeout %s is negative; use 0 for the default of %s", t.name, *t.value, t.unset)
		}
		if *t.value == 0 {
			*t.value = t.unset
		}
	}
	return nil
}

// universal turns off what go-redis 9.23 sends unasked when a connection opens
// (CLIENT SETINFO, CLIENT MAINT_NOTIFICATIONS), which Redis before 7.2, managed
// services and miniredis answer with an error. RESP2 is what all of them speak,
// and nothing here needs the other.
func (o *Options) universal(a address) *redis.UniversalOptions {
	u := &redis.UniversalOptions{
		Addrs: a.nodes, DB: a.db, MasterName: a.master,
		Username: a.username, Password: a.password,
		SentinelUsername: a.sentinelUsername, SentinelPassword: a.sentinelPassword,
		ClientName: o.ClientName, PoolSize: o.PoolSize,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            retries, MaxRedirects: redirects, DialerRetries: 1,
		MinRetryBackoff: backoffMin, MaxRetryBackoff: backoffMax,
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if a.topology == cluster {
		u.MaxRetries = 0
	}
	if o.Username != "" {
		u.Username = o.Username
	}
	if o.Password != "" {
		u.Password = o.Password
	}
	return u
}
