package configs

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caarlos0/env/v11"
)

// parsers returns how the text of each type of field is read, in every layer
// alike. Their errors are faults.
func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[string]():         parseString,
		reflect.TypeFor[bool]():           parseBool,
		reflect.TypeFor[int]():            parseInt,
		reflect.TypeFor[time.Duration]():  parseDuration,
		reflect.TypeFor[ByteSize]():       func(text string) (any, error) { return parseSize(text) },
		reflect.TypeFor[netip.Prefix]():   parsePrefix,
		reflect.TypeFor[[]string]():       func(text string) (any, error) { return split(text), nil },
		reflect.TypeFor[[]int]():          parseInts,
		reflect.TypeFor[[]netip.Prefix](): parsePrefixes,
		reflect.TypeFor[map[string]int](): parseNumbers,
	}
}

// typeName returns the word for a type of field in help texts.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[ByteSize]():
		return "size"
	case reflect.TypeFor[map[string]int]():
		return "map"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Slice:
		return "list"
	default:
		return "string"
	}
}

// format writes a value the way its parser reads it.
func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return shortDuration(x)
	case []string:
		return strings.Join(x, ",")
	case []int:
		parts := make([]string, len(x))
		for i, n := range x {
			parts[i] = strconv.Itoa(n)
		}
		return strings.Join(parts, ",")
	case []netip.Prefix:
		parts := make([]string, len(x))
		for i, p := range x {
			parts[i] = p.String()
		}
		return strings.Join(parts, ",")
	case map[string]int:
		parts := make([]string, 0, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			parts = append(parts, name+":"+strconv.Itoa(x[name]))
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(x)
	}
}

// shortDuration writes 2m where Duration.String writes 2m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// parseString refuses control characters: a line break at the end of a
// password is invisible, and no setting needs one.
func parseString(text string) (any, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, &fault{problem: "must be one line without control characters", fix: "remove the line break, often one at the end"}
	}
	return text, nil
}

func parseBool(text string) (any, error) {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return nil, &fault{problem: "must be true or false", fix: "write true or false", value: text}
	}
	return v, nil
}

// parseInt reads decimal digits only: 010, 0x10 and 1_000 mean different
// numbers to different readers of YAML.
func parseInt(text string) (any, error) {
	v, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrRange) {
		return nil, &fault{problem: "must be a smaller number", fix: "write a smaller number", value: text}
	}
	if err != nil || strconv.Itoa(v) != text {
		return nil, &fault{problem: "must be a whole number", fix: "write decimal digits only, without quotes, such as 10", value: text}
	}
	return v, nil
}

func parseDuration(text string) (any, error) {
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		return nil, &fault{problem: "must be a duration with a unit", fix: "write " + text + "s for seconds", value: text}
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return nil, &fault{problem: "must be a duration such as 30s or 1h30m", fix: "write numbers with the units h, m, s, ms", value: text}
	}
	return v, nil
}

func parsePrefix(text string) (any, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, &fault{problem: "must be a network such as 10.1.0.0/16 or fd00::/8", fix: "write an address and a prefix length; one host is 10.1.2.3/32", value: text}
	}
	if p != p.Masked() {
		return nil, &fault{problem: "must be a network without host bits", fix: "write " + p.Masked().String(), value: text}
	}
	return p, nil
}

func parsePrefixes(text string) (any, error) {
	var list []netip.Prefix
	for _, part := range split(text) {
		p, err := parsePrefix(part)
		if err != nil {
			return nil, err
		}
		list = append(list, p.(netip.Prefix))
	}
	return list, nil
}

func parseInts(text string) (any, error) {
	var list []int
	for _, part := range split(text) {
		n, err := parseInt(part)
		if err != nil {
			return nil, err
		}
		list = append(list, n.(int))
	}
	return list, nil
}

func parseNumbers(text string) (any, error) {
	numbers := map[string]int{}
	for _, part := range split(text) {
		name, number, ok := strings.Cut(part, ":")
		if !ok {
			return nil, &fault{problem: "must be queues with numbers", fix: "write name:number pairs, such as critical:6,default:3", value: part}
		}
		n, err := parseInt(number)
		if err != nil {
			return nil, &fault{problem: "must have a whole number for each queue", fix: "write name:number pairs, such as critical:6,default:3", value: part}
		}
		if _, ok := numbers[name]; ok {
			return nil, &fault{problem: "must name each queue once", fix: "remove one of the two", value: name}
		}
		numbers[name] = n.(int)
	}
	return numbers, nil
}

// split cuts a list at its commas. An empty text is an empty list.
func split(text string) []string {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
