package configs

import (
	"reflect"
	"strings"
)

// Source says where a configuration comes from. The zero Source is the
// defaults alone.
type Source struct {
	// Path is the YAML file. Empty means: no file. A file that is named must exist.
	Path string
	// Env is the environment in the form of os.Environ. Only LEGWORK_*
	// variables are read; one that names no key is an error, except those that
	// the command line client reads and those that Kubernetes sets for a
	// service called legwork.
	Env []string
	// Flags maps dotted keys ("http.addr") to the values of flags that were
	// given. An empty value empties a text or a list.
	Flags map[string]string
}

// Load reads the configuration of s and checks it. Its error is of type
// [Errors] and lists everything that is wrong; the Config is then zero.
func Load(s Source) (Config, error) {
	l := newLoader()
	complete := s.Path == "" || l.readFile(s.Path)
	l.readEnv(s.Env)
	l.readFlags(s.Flags)
	if complete {
		l.check()
	}
	if len(l.errs) > 0 {
		if l.doc != nil {
			l.doc.illustrate(l.errs)
		}
		l.errs.sort()
		return Config{}, l.errs
	}
	return l.cfg, nil
}

// loader gathers a configuration and what is wrong with it.
type loader struct {
	cfg     Config
	fields  []field
	byName  map[string]field
	byEnv   map[string]field
	origins map[string]origin // by key; absent for defaults
	unread  map[string]bool   // keys whose text is no value of their type
	doc     *document         // nil without a file
	errs    Errors
}

func newLoader() *loader {
	l := &loader{
		cfg:     Default(),
		fields:  fields(),
		byName:  map[string]field{},
		byEnv:   map[string]field{},
		origins: map[string]origin{},
		unread:  map[string]bool{},
	}
	for _, f := range l.fields {
		l.byName[f.Name] = f
		l.byEnv[f.Env] = f
	}
	return l
}

// set stores a value that came from o.
func (l *loader) set(f field, value any, o origin) {
	f.value(&l.cfg).Set(reflect.ValueOf(value))
	l.origins[f.Name] = o
}

// report adds an error about a key of the file, at its place. With
// showNothing it keeps the value at fault to itself.
func (l *loader) report(at position, key string, f *fault, shown int) {
	l.errs = append(l.errs, &Error{
		File: l.doc.path, Line: at.line, Column: at.column,
		Key: key, Problem: f.text(shown == showNothing), Fix: f.fix,
		shown: shown,
	})
}

// check adds what the values themselves have wrong. Keys that could not be
// read were reported already and are left out, but not the entries of a map
// that could be.
func (l *loader) check() {
	for _, f := range findings(&l.cfg, l.fields) {
		if l.anyUnread(f.keys) && !strings.HasPrefix(f.part, ".") {
			continue
		}
		key := l.firstSet(f.keys)
		culprit := l.byName[key]
		o, set := l.origins[key]
		if set && o.name == "" {
			l.report(o.place(f.part), key+f.part, f.fault, culprit.shown())
			continue
		}
		l.errs = append(l.errs, &Error{Origin: o.name, Key: key + f.part, Problem: f.text(culprit.hidden), Fix: f.fix})
	}
}

func (l *loader) anyUnread(keys []string) bool {
	for _, k := range keys {
		if l.unread[k] {
			return true
		}
	}
	return false
}

// firstSet returns the first of the keys that is not at its default, which is
// the one to blame when keys contradict each other.
func (l *loader) firstSet(keys []string) string {
	for _, k := range keys {
		if _, ok := l.origins[k]; ok {
			return k
		}
	}
	return keys[0]
}

// children returns the names that may follow prefix, which is empty or ends
// in a dot.
func (l *loader) children(prefix string) []string {
	var names []string
	for _, f := range l.fields {
		rest, ok := strings.CutPrefix(f.Name, prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}
