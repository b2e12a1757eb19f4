package configs

import (
	"reflect"
	"strings"
)

// envPrefix begins the name of every variable that Legwork reads.
const envPrefix = "LEGWORK_"

// Key describes one key of the configuration.
type Key struct {
	Name    string `json:"name"`              // dotted: "http.addr"
	Env     string `json:"env"`               // variable: "LEGWORK_HTTP_ADDR"
	Flag    string `json:"flag"`              // flag without its dashes: "http-addr"
	Type    string `json:"type"`              // string, boolean, integer, duration, size, list or map
	Default string `json:"default"`           // written as in a variable; empty for an empty value
	Allowed string `json:"allowed,omitempty"` // "0 to 10000", "text or json"; empty when Type says it all
	Doc     string `json:"doc"`               // one line, lower case, without a full stop
	Secret  bool   `json:"secret,omitempty"`  // the value is never to be shown; URLs that may hold a password are not included
}

// Keys returns every key, in the order of the struct fields.
func Keys() []Key {
	list := fields()
	keys := make([]Key, len(list))
	for i, f := range list {
		keys[i] = f.Key
	}
	return keys
}

// field is a key with what reading and checking its value takes.
type field struct {
	Key
	typ    reflect.Type
	index  []int    // for reflect.Value.FieldByIndex
	bounds string   // the range tag: "0..10000"
	words  []string // the oneof tag
	hidden bool     // its value must not appear in errors
}

func (f field) value(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(f.index)
}

// fields returns every leaf of Config.
func fields() []field {
	var list []field
	defaults := Default()
	collect(reflect.TypeFor[Config](), nil, "", envPrefix, &list)
	for i := range list {
		list[i].Default = format(list[i].value(&defaults))
	}
	return list
}

// collect appends the leaves of the struct t, whose keys begin with name and
// whose variables begin with prefix.
func collect(t reflect.Type, index []int, name, prefix string, list *[]field) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), index...), i)
		key := name + sf.Tag.Get("yaml")
		if section, ok := sf.Tag.Lookup("envPrefix"); ok {
			collect(sf.Type, at, key+".", prefix+section, list)
			continue
		}
		*list = append(*list, newField(sf, at, key, prefix))
	}
}

func newField(sf reflect.StructField, index []int, key, prefix string) field {
	f := field{
		Key: Key{
			Name:   key,
			Env:    prefix + sf.Tag.Get("env"),
			Flag:   strings.NewReplacer(".", "-", "_", "-").Replace(key),
			Type:   typeName(sf.Type),
			Doc:    sf.Tag.Get("doc"),
			Secret: sf.Tag.Get("secret") == "true",
		},
		typ:    sf.Type,
		index:  index,
		bounds: sf.Tag.Get("range"),
		words:  split(sf.Tag.Get("oneof")),
		hidden: sf.Tag.Get("secret") != "",
	}
	switch {
	case f.bounds != "":
		f.Allowed = strings.Replace(f.bounds, "..", " to ", 1)
	case len(f.words) > 0:
		f.Allowed = either(f.words)
	}
	return f
}

// either writes a list for people: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
