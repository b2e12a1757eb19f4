package configs

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// readFile takes over the values of a file. It reports whether the file could
// be parsed.
func (l *loader) readFile(path string) bool {
	doc, failure := openDocument(path)
	l.doc = doc
	if failure != nil {
		l.errs = append(l.errs, failure)
		return false
	}
	l.section(doc.root, "")
	return true
}

// section reads the mapping of the keys that begin with prefix, which is
// empty or ends in a dot.
func (l *loader) section(node ast.Node, prefix string) {
	if isNull(node) {
		return
	}
	pairs, f := mapping(node)
	if f != nil {
		l.report(positionOf(node), strings.TrimSuffix(prefix, "."), f, showNothing)
		return
	}
	seen := map[string]position{}
	for _, pair := range pairs {
		name, f := keyText(pair.Key)
		if f != nil {
			l.doc.hide(pair)
			l.report(positionOf(pair.Key), strings.TrimSuffix(prefix, "."), f, showNothing)
			continue
		}
		l.pair(prefix, name, pair, seen)
	}
}

// pair reads one key of a section, in which those seen came before.
func (l *loader) pair(prefix, name string, pair *ast.MappingValueNode, seen map[string]position) {
	key := prefix + name
	f, leaf := l.byName[key]
	if !leaf && !l.isSection(key) {
		l.unknown(prefix, name, pair)
		return
	}
	if leaf && f.hidden {
		l.doc.hide(pair)
	}
	at := positionOf(pair.Key)
	if first, ok := seen[name]; ok {
		l.report(at, key, &fault{
			problem: fmt.Sprintf("is given twice, first in line %d", first.line),
			fix:     "remove one of the two",
		}, f.shown())
		return
	}
	seen[name] = at
	switch {
	case !leaf:
		l.section(pair.Value, key+".")
	case !isNull(pair.Value):
		l.leaf(f, pair.Value)
	}
}

func (l *loader) isSection(key string) bool {
	for _, f := range l.fields {
		if strings.HasPrefix(f.Name, key+".") {
			return true
		}
	}
	return false
}

// unknown reports a key that does not exist. Its value stays out of sight: the
// key may be a misspelt password.
func (l *loader) unknown(prefix, name string, pair *ast.MappingValueNode) {
	l.doc.hide(pair)
	at := positionOf(pair.Key)
	f := &fault{problem: "unknown key", fix: l.suggest(prefix, name)}
	if len(name) > 64 || strings.ContainsFunc(strings.ToLower(name), func(c rune) bool { return !plain(c) && c != '.' }) {
		l.report(at, strings.TrimSuffix(prefix, "."), f, showNothing)
		return
	}
	l.report(at, prefix+name, f, len(name))
}

// suggest says what to write instead of an unknown key.
func (l *loader) suggest(prefix, name string) string {
	names := l.children(prefix)
	best, near := nearest(name, names)
	if near {
		return "write " + best
	}
	for _, f := range l.fields {
		if last := f.Name[strings.LastIndex(f.Name, ".")+1:]; bare(last) == bare(name) {
			return "write it as " + f.Name
		}
	}
	return "remove it; the keys here are " + strings.Join(names, ", ")
}

// leaf reads the value of one key.
func (l *loader) leaf(f field, node ast.Node) {
	switch f.typ.Kind() {
	case reflect.Slice:
		l.list(f, node)
	case reflect.Map:
		l.weights(f, node)
	default:
		if v, ok := l.scalar(f, "", node, f.typ); ok {
			l.set(f, v, origin{at: positionOf(node)})
		}
	}
}

// scalar reads a single value of type t: that of f, or of its part. It reports
// what is wrong and then returns false.
func (l *loader) scalar(f field, part string, node ast.Node, t reflect.Type) (any, bool) {
	text, bad := scalarText(node, t)
	if bad == nil {
		v, err := parsers()[t](text)
		if err == nil {
			return v, true
		}
		bad = asFault(err)
	}
	l.unread[f.Name] = true
	l.report(positionOf(node), f.Name+part, bad, f.shown())
	return nil, false
}

// list reads a sequence. An empty one is nil.
func (l *loader) list(f field, node ast.Node) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		bad := refusal(node)
		if bad == nil {
			bad = &fault{problem: "must be a list", fix: "write [a, b], or one element per line after a dash"}
		}
		l.unread[f.Name] = true
		l.report(positionOf(node), f.Name, bad, f.shown())
		return
	}
	o := origin{at: positionOf(node), parts: map[string]position{}}
	var words []string
	var numbers []int
	var prefixes []netip.Prefix
	for i, element := range sequence.Values {
		part := fmt.Sprintf("[%d]", i)
		o.parts[part] = positionOf(element)
		switch v, _ := l.scalar(f, part, element, f.typ.Elem()); v := v.(type) {
		case string:
			words = append(words, v)
		case int:
			numbers = append(numbers, v)
		case netip.Prefix:
			prefixes = append(prefixes, v)
		}
	}
	switch f.typ {
	case reflect.TypeFor[[]string]():
		l.set(f, words, o)
	case reflect.TypeFor[[]int]():
		l.set(f, numbers, o)
	default:
		l.set(f, prefixes, o)
	}
}

// weights reads a mapping of names to whole numbers.
func (l *loader) weights(f field, node ast.Node) {
	pairs, bad := mapping(node)
	if bad != nil {
		l.unread[f.Name] = true
		l.report(positionOf(node), f.Name, bad, f.shown())
		return
	}
	o := origin{at: positionOf(node), parts: map[string]position{}}
	weights := map[string]int{}
	for _, pair := range pairs {
		name, bad := keyText(pair.Key)
		if bad == nil {
			if first, ok := o.parts[entry(name)]; ok {
				bad = &fault{problem: fmt.Sprintf("is given twice, first in line %d", first.line), fix: "remove one of the two"}
			}
		}
		if bad != nil {
			l.unread[f.Name] = true
			l.report(positionOf(pair.Key), f.Name, bad, f.shown())
			continue
		}
		o.parts[entry(name)] = positionOf(pair.Key)
		if v, ok := l.scalar(f, entry(name), pair.Value, f.typ.Elem()); ok {
			weights[name] = v.(int)
		}
	}
	l.set(f, weights, o)
}
