package configs

import (
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// shardsMax is the most shards of one queue.
const shardsMax = 32

// finding is a fault of values that could be read. The keys are those
// involved, the most likely culprit first; part names a list element "[0]" or
// map entry ".name" of the first one.
type finding struct {
	*fault
	keys []string
	part string
}

func found(key string, f *fault) finding { return finding{fault: f, keys: []string{key}} }

// Validate checks a configuration that was not made by [Load]. Its error is of
// type [Errors], without places.
func (c Config) Validate() error {
	list := fields()
	hidden := map[string]bool{}
	for _, f := range list {
		hidden[f.Name] = f.hidden
	}
	var errs Errors
	for _, f := range findings(&c, list) {
		errs = append(errs, &Error{Key: f.keys[0] + f.part, Problem: f.text(hidden[f.keys[0]]), Fix: f.fix})
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// findings returns everything that is wrong with the values of c. Values that
// are out of bounds are not compared with others.
func findings(c *Config, list []field) []finding {
	var all []finding
	outside := map[string]bool{}
	for _, f := range list {
		for _, bad := range []*fault{f.checkBounds(c), f.checkWords(c)} {
			if bad != nil {
				all = append(all, found(f.Name, bad))
				outside[f.Name] = true
			}
		}
	}
	rules := slices.Concat(
		checkRoles(c.Roles), checkHTTP(c), checkRedis(c.Redis),
		checkQueues("worker.queues", c.Worker.Queues, "weight", 100), checkShards(c.Worker.Shards), checkServed(c.Worker), checkPlain(c.Worker.Plain),
		checkQueues("worker.dedicated", c.Worker.Dedicated, "number of slots", 10_000), checkEmail(c.Handlers.EmailSend),
		checkLetters(c.DeadLetters),
	)
	for _, f := range rules {
		if !slices.ContainsFunc(f.keys, func(key string) bool { return outside[key] }) {
			all = append(all, f)
		}
	}
	return all
}

// checkBounds holds a number, duration or size against its range tag.
func (f field) checkBounds(c *Config) *fault {
	low, high, ok := strings.Cut(f.bounds, "..")
	if !ok {
		return nil
	}
	v := f.value(c)
	problem := "must be " + f.Allowed
	switch {
	case v.Int() < f.bound(low):
		return &fault{problem: problem, fix: "write at least " + low + " (" + f.Doc + ")", value: format(v)}
	case v.Int() > f.bound(high):
		return &fault{problem: problem, fix: "write at most " + high + " (" + f.Doc + ")", value: format(v)}
	}
	return nil
}

// bound reads one end of a range tag. It panics on a tag that is no value of
// the field's type.
func (f field) bound(text string) int64 {
	v, err := parsers()[f.typ](text)
	if err != nil {
		panic(fmt.Sprintf("configs: range of %s: %v", f.Name, err))
	}
	return reflect.ValueOf(v).Int()
}

// checkWords holds a text against its oneof tag.
func (f field) checkWords(c *Config) *fault {
	if len(f.words) == 0 || slices.Contains(f.words, f.value(c).String()) {
		return nil
	}
	text := f.value(c).String()
	return &fault{problem: "must be " + f.Allowed, fix: "write " + instead(text, f.words), value: text}
}

// instead returns the word that was probably meant, or all of them.
func instead(text string, words []string) string {
	if best, near := nearest(text, words); near {
		return best
	}
	return either(words)
}

func checkRoles(roles []string) []finding {
	const key = "roles"
	if len(roles) == 0 {
		return []finding{found(key, &fault{problem: "must name at least one role", fix: "write one or more of " + strings.Join(Roles(), ", ")})}
	}
	var all []finding
	for i, r := range roles {
		part := fmt.Sprintf("[%d]", i)
		switch {
		case !slices.Contains(Roles(), r):
			bad := &fault{problem: "must be " + either(Roles()), fix: "write " + instead(r, Roles()), value: r}
			all = append(all, finding{fault: bad, keys: []string{key}, part: part})
		case slices.Contains(roles[:i], r):
			bad := &fault{problem: "must name each role once", fix: "remove " + r, value: r}
			all = append(all, finding{fault: bad, keys: []string{key}, part: part})
		}
	}
	return all
}

func checkHTTP(c *Config) []finding {
	var all []finding
	if !validAddr(c.HTTP.Addr) {
		all = append(all, found("http.addr", &fault{
			problem: "must be host:port",
			fix:     "write an address such as 127.0.0.1:8080, or :8080 for all interfaces",
			value:   c.HTTP.Addr,
		}))
	}
	if c.HTTP.BatchBodyLimit < c.HTTP.BodyLimit {
		all = append(all, finding{
			fault: &fault{problem: "http.batch_body_limit must not be below http.body_limit", fix: "raise http.batch_body_limit to at least " + c.HTTP.BodyLimit.String()},
			keys:  []string{"http.batch_body_limit", "http.body_limit"},
		})
	}
	if c.Jobs.PayloadLimit > c.HTTP.BodyLimit {
		all = append(all, finding{
			fault: &fault{problem: "jobs.payload_limit must not be above http.body_limit", fix: "raise http.body_limit above " + c.Jobs.PayloadLimit.String() + ", the rest of a job needs room too"},
			keys:  []string{"jobs.payload_limit", "http.body_limit"},
		})
	}
	return all
}

// validAddr reports whether addr is [host]:port with a numeric port.
func validAddr(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && validPort(port) && (host == "" || validHost(host))
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}

// validHost accepts IP addresses and names, with the underscores that
// container networks use.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(strings.ToLower(host), func(c rune) bool { return !plain(c) && c != '.' })
}

// checkServed wants a worker to have something to do.
func checkServed(w Worker) []finding {
	if len(w.Queues)+len(w.Dedicated) > 0 {
		return nil
	}
	return []finding{found("worker.queues", &fault{problem: "must name at least one queue", fix: "write default: 1 below it, or remove the key"})}
}

// checkQueues checks numbers by queue: what they are, and the most allowed.
func checkQueues(key string, queues map[string]int, what string, most int) []finding {
	var all []finding
	for _, name := range slices.Sorted(maps.Keys(queues)) {
		all = append(all, checkQueueName(key, name)...)
		if n := queues[name]; n < 1 || n > most {
			bad := &fault{
				problem: fmt.Sprintf("must have a %s of 1 to %d", what, most), value: strconv.Itoa(n),
				fix: "write 1 for the least important queue, more for others",
			}
			all = append(all, finding{fault: bad, keys: []string{key}, part: entry(name)})
		}
	}
	return all
}

func checkQueueName(key, name string) []finding {
	if name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return nil
	}
	bad := &fault{problem: "must have queue names of 1 to 64 lower-case letters, digits, _ and -", fix: "rename the queue", value: name}
	return []finding{{fault: bad, keys: []string{key}, part: entry(name)}}
}

// checkShards lets queues be named that this process does not serve: processes
// with queues of their own may share a file.
func checkShards(shards map[string]int) []finding {
	const key = "worker.shards"
	var all []finding
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		all = append(all, checkQueueName(key, name)...)
		if n := shards[name]; n < 1 || n > shardsMax {
			bad := &fault{problem: fmt.Sprintf("must be 1 to %d shards", shardsMax), fix: "write 1 to leave the queue whole, or about four for each master of the cluster", value: strconv.Itoa(n)}
			all = append(all, finding{fault: bad, keys: []string{key}, part: entry(name)})
		}
	}
	return all
}

func checkPlain(names []string) []finding {
	var all []finding
	for i, name := range names {
		if !slices.Contains(plainNames(), name) {
			bad := &fault{problem: "must be " + either(plainNames()), fix: "write " + instead(name, plainNames()), value: name}
			all = append(all, finding{fault: bad, keys: []string{"worker.plain"}, part: fmt.Sprintf("[%d]", i)})
		}
	}
	return all
}

func checkEmail(e EmailSend) []finding {
	const section = "handlers.email_send."
	var all []finding
	if e.Host != "" && !validHost(e.Host) {
		all = append(all, found(section+"host", &fault{problem: "must be a host name or an IP address", fix: "write the name alone; the port has its own key", value: e.Host}))
	}
	if e.From != "" {
		if _, err := mail.ParseAddress(e.From); err != nil {
			all = append(all, found(section+"from", &fault{problem: "must be a mail address", fix: "write jobs@example.com or Jobs <jobs@example.com>", value: e.From}))
		}
	}
	if (e.Username == "") != (e.Password == "") {
		all = append(all, finding{
			fault: &fault{problem: section + "username and " + section + "password must be set together", fix: "set the other one too; the password best as LEGWORK_HANDLERS_EMAIL_SEND_PASSWORD"},
			keys:  []string{section + "username", section + "password"},
		})
	}
	return all
}
