package configs

import (
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"
)

// readEnv takes over the values of LEGWORK_* variables.
func (l *loader) readEnv(environ []string) {
	vars := env.ToMap(environ)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !strings.HasPrefix(name, envPrefix) || reserved(name) {
			continue
		}
		f, ok := l.byEnv[name]
		switch {
		case ok && vars[name] != "":
			l.assign(f, vars[name], name)
		case !ok && !injected(name, vars[name]):
			l.unknownVariable(name)
		}
	}
}

// reserved reports whether a variable is for the command line: the address and
// key of a server to talk to, and the path of the configuration file.
func reserved(name string) bool {
	return name == "LEGWORK_API_KEY" || name == "LEGWORK_API_URL" || name == "LEGWORK_CONFIG"
}

// injected reports whether a variable has the form that Kubernetes gives to
// the containers beside a service whose name begins with legwork, such as
// LEGWORK_PORT=tcp://10.0.0.1:80 and LEGWORK_SERVICE_HOST. See "Accessing
// Services: Environment variables" in the Kubernetes documentation.
func injected(name, value string) bool {
	if strings.HasSuffix(name, "_PORT") && regexp.MustCompile(`^(tcp|udp|sctp)://`).MatchString(value) {
		return true
	}
	return regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`).MatchString(name)
}

func (l *loader) unknownVariable(name string) {
	names := slices.Collect(maps.Keys(l.byEnv))
	slices.Sort(names)
	best, near := nearest(name, names)
	fix := "unset it"
	switch {
	case near:
		fix = "use " + best
	case best != "":
		fix = "unset it; the nearest is " + best
	}
	shown := strings.Trim(strconv.Quote(name), `"`)
	l.errs = append(l.errs, &Error{Origin: shown, Problem: "unknown variable", Fix: fix})
}

// readFlags takes over the values of flags, by dotted key.
func (l *loader) readFlags(flags map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		f, ok := l.byName[key]
		if !ok {
			l.unknownFlag(key)
			continue
		}
		name := "--" + f.Flag
		if flags[key] == "" {
			l.empty(f, name)
			continue
		}
		l.assign(f, flags[key], name)
	}
}

func (l *loader) unknownFlag(key string) {
	names := make([]string, len(l.fields))
	for i, f := range l.fields {
		names[i] = f.Flag
	}
	shown := strings.Trim(strconv.Quote(strings.NewReplacer(".", "-", "_", "-").Replace(key)), `"`)
	fix := "remove it"
	if best, _ := nearest(shown, names); best != "" {
		fix = "use --" + best
	}
	l.errs = append(l.errs, &Error{Origin: "--" + shown, Problem: "unknown flag", Fix: fix})
}

// assign reads the text of a variable or flag, called name, into a field.
func (l *loader) assign(f field, text, name string) {
	err := env.ParseWithOptions(&l.cfg, env.Options{
		Environment: map[string]string{f.Env: text},
		Prefix:      envPrefix,
		FuncMap:     parsers(),
	})
	if err != nil {
		l.unread[f.Name] = true
		bad := asFault(err)
		l.errs = append(l.errs, &Error{Origin: name, Key: f.Name, Problem: bad.text(f.hidden), Fix: bad.fix})
		return
	}
	l.origins[f.Name] = origin{name: name}
}

// empty sets a text, a list or a map that may be empty to nothing.
func (l *loader) empty(f field, name string) {
	if k := f.typ.Kind(); k != reflect.String && k != reflect.Slice && (k != reflect.Map || f.Default != "") {
		l.unread[f.Name] = true
		l.errs = append(l.errs, &Error{Origin: name, Key: f.Name, Problem: "must not be empty", Fix: "give a value, such as " + f.Default})
		return
	}
	f.value(&l.cfg).SetZero()
	l.origins[f.Name] = origin{name: name}
}

// asFault finds the fault that a parser returned, also inside the errors of
// the env package, which do not unwrap.
func asFault(err error) *fault {
	if pe, ok := errors.AsType[env.ParseError](err); ok {
		err = pe.Err
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	return &fault{problem: "cannot be read", fix: "compare it with configs/legwork.yaml"}
}
