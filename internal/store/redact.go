package store

import (
	"slices"
	"strings"
)

const redacted = "xxxxx"

// Redact returns a Redis URL that may be shown: user, password and every
// parameter that could be secret are replaced by xxxxx. It takes malformed
// URLs too, and then hides rather too much than too little.
func Redact(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", url
	}
	all := rest
	rest, query, hasQuery := strings.Cut(rest, "?")
	if hasStrayAt(query) {
		return scheme + redacted + all[strings.LastIndexByte(all, '@'):]
	}
	if !strings.HasPrefix(rest, "/") {
		rest = redactHosts(rest)
	}
	if hasQuery {
		rest += "?" + redactQuery(query)
	}
	return scheme + rest
}

// hasStrayAt reports whether there is an @ where none belongs: then the query is
// the rest of a password with an unescaped question mark.
func hasStrayAt(query string) bool {
	for p := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(p, "=")
		if strings.Contains(name, "@") || (strings.Contains(value, "@") && !strings.HasPrefix(name, "sentinel_")) {
			return true
		}
	}
	return false
}

// redactHosts hides all before the last @ and, as it may belong to a password,
// whatever stands in place of a port and is none.
func redactHosts(s string) string {
	user := ""
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		user, s = redacted+"@", s[i+1:]
	}
	hosts, path := s, ""
	if i := strings.IndexByte(s, '/'); i >= 0 {
		hosts, path = s[:i], s[i:]
	}
	list := strings.Split(hosts, ",")
	for n, h := range list {
		i := strings.LastIndexByte(h, ':')
		if i > strings.LastIndexByte(h, ']') && strings.Trim(h[i+1:], "0123456789") != "" {
			list[n] = h[:i+1] + redacted
		}
	}
	return user + strings.Join(list, ",") + path
}

func redactQuery(query string) string {
	params := strings.Split(query, "&")
	for i, p := range params {
		name, _, ok := strings.Cut(p, "=")
		switch {
		case slices.Contains([]string{"db", "tls", "sentinel_username"}, name):
		case ok:
			params[i] = redactName(name) + "=" + redacted
		default:
			params[i] = redactName(name)
		}
	}
	return strings.Join(params, "&")
}

// redactName passes what looks like the name of a parameter; the rest of a
// password with an unescaped ? does not.
func redactName(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return redacted
	}
	return name
}
