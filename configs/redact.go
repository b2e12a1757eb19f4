package configs

import (
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// redacted stands in for a secret.
const redacted = "[redacted]"

// Redacted returns a deep copy that is safe to print: passwords, and user and
// password in redis.url, read "[redacted]"; empty ones stay empty.
func (c Config) Redacted() Config {
	c.Roles = slices.Clone(c.Roles)
	c.Worker.Queues = maps.Clone(c.Worker.Queues)
	c.Worker.Shards = maps.Clone(c.Worker.Shards)
	c.Worker.Dedicated = maps.Clone(c.Worker.Dedicated)
	c.Worker.Plain = slices.Clone(c.Worker.Plain)
	c.DeadLetters.WarnAt = slices.Clone(c.DeadLetters.WarnAt)
	c.Handlers.HTTPRequest.AllowCIDRs = slices.Clone(c.Handlers.HTTPRequest.AllowCIDRs)
	for _, f := range fields() {
		v := f.value(&c)
		switch {
		case f.Secret && v.String() != "":
			v.SetString(redacted)
		case f.hidden && !f.Secret:
			v.SetString(redactURL(v.String()))
		}
	}
	return c
}

// YAML returns the configuration as a file that Load accepts. It contains the
// secrets unless called on the result of Redacted.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// redactURL hides what comes before the last @, and the values of query
// parameters whose names speak of passwords. It does not rely on the URL
// being valid.
func redactURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = redacted + rest[at:]
	}
	base, query, ok := strings.Cut(rest, "?")
	if !ok {
		return scheme + "://" + rest
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		if name, _, _ := strings.Cut(p, "="); strings.Contains(strings.ToLower(name), "pass") {
			params[i] = name + "=" + redacted
		}
	}
	return scheme + "://" + base + "?" + strings.Join(params, "&")
}
