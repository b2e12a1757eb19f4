package inspect

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// in reports whether the payload has the wanted value at the path. A name goes into an
// object, or by its number into an array. Numbers, true, false and null are compared as
// they are written, strings without their quotes; objects and arrays never pass.
func (p *pathText) in(payload []byte) bool {
	if last := p.path[len(p.path)-1]; !bytes.Contains(payload, []byte(last)) && !bytes.ContainsRune(payload, '\\') && !number(last) {
		return false // most payloads do not have the name at all
	}
	value := json.RawMessage(payload)
	for _, name := range p.path {
		if value = member(value, name); value == nil {
			return false
		}
	}
	return p.is(bytes.TrimSpace(value))
}

func (p *pathText) is(value []byte) bool {
	if len(value) == 0 || value[0] == '{' || value[0] == '[' {
		return false
	}
	found := string(value)
	if value[0] == '"' && json.Unmarshal(value, &found) != nil {
		return false
	}
	if p.regexp != nil {
		return p.regexp.MatchString(found)
	}
	return found == p.want
}

func number(name string) bool {
	_, err := strconv.ParseUint(name, 10, 31)
	return err == nil
}

// member is a value's member of the name, or nil.
func member(value json.RawMessage, name string) json.RawMessage {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0:
	case value[0] == '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) == nil {
			return object[name]
		}
	case value[0] == '[' && number(name):
		var array []json.RawMessage
		at, _ := strconv.Atoi(name)
		if json.Unmarshal(value, &array) == nil && at < len(array) {
			return array[at]
		}
	}
	return nil
}
