package configs

import (
	"net"
	"net/url"
	"strings"
)

// checkRedis checks the connection settings, the URL as far as its shape goes:
// whoever opens it knows its parameters. Nothing said here repeats the URL, and
// neither may the errors of net/url, which quote parts of a password.
func checkRedis(r Redis) []finding {
	var all []finding
	if bad := checkRedisURL(r.URL); bad != nil {
		all = append(all, found("redis.url", bad))
	}
	if r.Password != "" && r.PasswordFile != "" {
		all = append(all, finding{
			fault: &fault{problem: "redis.password and redis.password_file must not both be set", fix: "remove one of them"},
			keys:  []string{"redis.password_file", "redis.password"},
		})
	}
	if (r.TLS.CertFile == "") != (r.TLS.KeyFile == "") {
		all = append(all, finding{
			fault: &fault{problem: "redis.tls.cert_file and redis.tls.key_file must be set together", fix: "set the other one too, or neither"},
			keys:  []string{"redis.tls.cert_file", "redis.tls.key_file"},
		})
	}
	return all
}

func checkRedisURL(raw string) *fault {
	if raw == RedisEmbedded {
		return nil
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return &fault{problem: "must be a URL or embedded", fix: "write redis://host:6379/0"}
	}
	login, hosts, tail := splitAuthority(rest)
	u, err := url.Parse(scheme + "://" + login + hosts[0] + tail)
	if err != nil || strings.Contains(raw, "#") {
		return &fault{problem: "must be a valid URL", fix: "write scheme://user:password@host:port/database, special characters in user and password percent-encoded"}
	}
	switch scheme {
	case "unix":
		return checkSocket(u)
	case "redis", "rediss":
		return checkNode(u, hosts)
	case "redis-sentinel":
		return checkSentinel(u, hosts)
	case "redis-cluster":
		return checkHosts(hosts)
	default:
		schemes := []string{"redis", "rediss", "redis-sentinel", "redis-cluster", "unix"}
		return &fault{problem: "must have a scheme of " + either(schemes), fix: "write redis://host:6379/0, or rediss:// for TLS"}
	}
}

// splitAuthority cuts what follows the scheme into user and password with
// their @, the hosts, and the rest. net/url takes one host only.
func splitAuthority(rest string) (login string, hosts []string, tail string) {
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	at := strings.LastIndex(authority, "@") + 1
	return authority[:at], strings.Split(authority[at:], ","), tail
}

func checkSocket(u *url.URL) *fault {
	if u.Path == "" {
		return &fault{problem: "must have the path of a socket", fix: "write unix:///run/redis/redis.sock"}
	}
	return nil
}

// checkNode checks the URL of a single server.
func checkNode(u *url.URL, hosts []string) *fault {
	if len(hosts) > 1 {
		return &fault{problem: "must have one host", fix: "write redis-cluster:// or redis-sentinel:// for several"}
	}
	if db := strings.Trim(u.Path, "/"); db != "" && !validPort(db) {
		return &fault{problem: "must end in the number of a database", fix: "write redis://host:6379/0"}
	}
	return checkHosts(hosts)
}

// checkSentinel checks the URL of a server that Sentinels know by a name.
func checkSentinel(u *url.URL, hosts []string) *fault {
	if strings.Trim(u.Path, "/") == "" {
		return &fault{problem: "must name the master that the Sentinels watch", fix: "write redis-sentinel://host:26379/mymaster"}
	}
	return checkHosts(hosts)
}

func checkHosts(hosts []string) *fault {
	for _, h := range hosts {
		name := strings.Trim(h, "[]")
		if host, port, err := net.SplitHostPort(h); err == nil {
			name = host
			if !validPort(port) || port == "0" {
				return &fault{problem: "must have ports from 1 to 65535", fix: "write host:6379"}
			}
		}
		if !validHost(name) {
			return &fault{problem: "must have a host, with or without a port", fix: "write host:6379, several separated by commas for a cluster or Sentinels"}
		}
	}
	return nil
}
