package bench

import (
	"net"
	"net/netip"
	"strings"
)

// Remote returns the hosts in a URL of a server or of a Redis that are not this
// machine's loopback interface, as far as their names tell. A path to a unix
// socket has none.
func Remote(rawURL string) []string {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	if scheme == "unix" {
		return nil
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	var remote []string
	for host := range strings.SplitSeq(rest[strings.LastIndexByte(rest, '@')+1:], ",") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if addr, err := netip.ParseAddr(host); !strings.EqualFold(host, "localhost") && (err != nil || !addr.Unmap().IsLoopback()) {
			remote = append(remote, host)
		}
	}
	return remote
}
