package store

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	portDefault         = "6379"
	portSentinelDefault = "26379"
)

// address is what a Redis URL says.
type address struct {
	topology           topology
	nodes              []string // host:port each, or one absolute socket path
	tls                bool
	db                 int
	master             string // Sentinel only
	username, password string

	sentinelUsername, sentinelPassword string
}

type topology int

const (
	single topology = iota
	sentinel
	cluster
)

// parse reads a Redis URL. net/url cannot: it takes one host only.
func parse(raw string) (address, error) {
	a, err := split(raw)
	if err != nil {
		return address{}, fmt.Errorf("redis url %q: %w", Redact(raw), err)
	}
	return a, nil
}

func split(raw string) (address, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return address{}, errors.New("it has no scheme; write it like redis://localhost:6379/0")
	}
	if strings.Contains(rest, "#") {
		return address{}, errors.New("it holds a #; percent-encode it as %23, or give user and password apart from the URL")
	}
	rest, rawQuery, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return address{}, errors.New("its query cannot be read; write it like ?db=0 and percent-encode special characters")
	}
	hosts, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		hosts, path = rest[:i], rest[i:]
	}
	var a address
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		if err := a.setUser(hosts[:i]); err != nil {
			return address{}, err
		}
		hosts = hosts[i+1:]
	} else if scheme != "unix" && strings.Contains(path, "@") {
		return address{}, errors.New("there is an @ after the first /; percent-encode special characters of user and password (/ is %2F)")
	}
	return a, a.setScheme(strings.ToLower(scheme), hosts, path, query)
}

func (a *address) setScheme(scheme, hosts, path string, q url.Values) error {
	switch scheme {
	case "redis", "rediss":
		a.tls = scheme == "rediss"
		return cmp.Or(a.setNodes(hosts, portDefault, 1), allow(q, "db"), a.setDB(path, q))
	case "unix":
		return cmp.Or(a.setSocket(hosts, path), allow(q, "db"), a.setDB("", q))
	case "redis-sentinel":
		a.topology = sentinel
		a.sentinelUsername, a.sentinelPassword = q.Get("sentinel_username"), q.Get("sentinel_password")
		return cmp.Or(a.setNodes(hosts, portSentinelDefault, 0), allow(q, "db", "tls", "sentinel_username", "sentinel_password"),
			a.setMaster(path), a.setTLS(q), a.setDB("", q))
	case "redis-cluster":
		a.topology = cluster
		return cmp.Or(a.setNodes(hosts, portDefault, 0), allow(q, "db", "tls"),
			a.setTLS(q), a.setDB(path, q), a.onlyDB0())
	default:
		return fmt.Errorf("unknown scheme %q; use redis, rediss, unix, redis-sentinel or redis-cluster", scheme)
	}
}

func (a *address) setUser(info string) error {
	user, password, _ := strings.Cut(info, ":")
	var err1, err2 error
	a.username, err1 = url.PathUnescape(user)
	a.password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("user or password hold a % that starts no escape; percent-encode it as %25")
	}
	return nil
}

// setNodes reads a comma-separated list of hosts; limit 0 means any number.
func (a *address) setNodes(hosts, port string, limit int) error {
	list := strings.Split(hosts, ",")
	if limit > 0 && len(list) > limit {
		return errors.New("it names several hosts; use redis-cluster:// for a Cluster or redis-sentinel:// for Sentinels")
	}
	for _, h := range list {
		node, err := hostPort(h, port)
		if err != nil {
			return err
		}
		a.nodes = append(a.nodes, node)
	}
	return nil
}

func hostPort(s, port string) (string, error) {
	host := s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("a port is not a number from 1 to 65535; write host:port, an IPv6 address in brackets, and percent-encode special characters of the password")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	switch {
	case bare == "":
		return "", errors.New("it names no host; write it like redis://localhost:6379/0")
	case strings.ContainsAny(bare, " []@\\") || (bare == host && strings.Contains(bare, ":")):
		return "", errors.New("a host is malformed; write host:port, an IPv6 address in brackets, and percent-encode special characters of the password")
	}
	return net.JoinHostPort(bare, port), nil
}

func (a *address) setSocket(hosts, path string) error {
	socket, err := url.PathUnescape(path)
	if err != nil || hosts != "" || len(socket) < 2 {
		return errors.New("it names no absolute socket path; write it like unix:///run/redis/redis.sock?db=0")
	}
	a.nodes = []string{socket}
	return nil
}

func (a *address) setMaster(path string) error {
	master, err := url.PathUnescape(strings.Trim(path, "/"))
	if err != nil || master == "" || strings.Contains(master, "/") {
		return errors.New("it names no master; write it like redis-sentinel://host:26379/mymaster")
	}
	a.master = master
	return nil
}

func (a *address) setTLS(q url.Values) (err error) {
	if !q.Has("tls") {
		return nil
	}
	if a.tls, err = strconv.ParseBool(q.Get("tls")); err != nil {
		return fmt.Errorf("parameter tls is %q; use true or false", q.Get("tls"))
	}
	return nil
}

// setDB reads the database from the path or the query.
func (a *address) setDB(path string, q url.Values) error {
	s := strings.TrimPrefix(path, "/")
	if q.Has("db") {
		if s != "" && s != q.Get("db") {
			return fmt.Errorf("the path says database %q and the parameter db says %q; give one of them", s, q.Get("db"))
		}
		s = q.Get("db")
	}
	if s == "" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("database %q is not a number from 0 up", s)
	}
	a.db = n
	return nil
}

func (a *address) onlyDB0() error {
	if a.db != 0 {
		return fmt.Errorf("database %d: a Redis Cluster has database 0 only; leave it out", a.db)
	}
	return nil
}

// allow refuses parameters that are not in the list, and repeated ones.
func allow(q url.Values, names ...string) error {
	for name, values := range q {
		if !slices.Contains(names, name) {
			return fmt.Errorf("unknown parameter %q; this kind of URL knows %s", redactName(name), strings.Join(names, ", "))
		}
		if len(values) > 1 {
			return fmt.Errorf("parameter %s is given %d times; give it once", name, len(values))
		}
	}
	return nil
}
