package jobs

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// violationsMax bounds the errors reported for one payload.
const violationsMax = 50

// violations flattens a validation error into its leaves, in document order.
func violations(err error) []FieldError {
	if err == nil {
		return nil
	}
	root, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []FieldError{{Detail: "cannot be checked against the schema"}}
	}
	var out []FieldError
	collect(root, &out)
	slices.SortStableFunc(out, func(a, b FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	out = slices.Compact(out)
	return out[:min(len(out), violationsMax)]
}

func collect(e *jsonschema.ValidationError, out *[]FieldError) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			collect(c, out)
		}
		return
	}
	at := pointer(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			*out = append(*out, FieldError{Pointer: at + pointer([]string{name}), Detail: "is required"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*out = append(*out, FieldError{Pointer: at + pointer([]string{name}), Detail: "is not a known field"})
		}
	default:
		*out = append(*out, FieldError{Pointer: at, Detail: describe(e.ErrorKind)})
	}
}

// describe words a violation from the schema's side only.
func describe(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(slices.Sorted(slices.Values(k.Want)), " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + list(k.Want)
	case *kind.Const:
		return "must be " + list([]any{k.Want})
	case *kind.Format:
		return "must be a valid " + k.Want
	case *kind.Pattern:
		return "must match the pattern " + k.Want
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not repeat an item (%d and %d are equal)", k.Duplicates[0], k.Duplicates[1])
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d fields", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d fields", k.Want)
	case *kind.FalseSchema, *kind.Not:
		return "is not allowed"
	}
	return describeNumber(k)
}

func describeNumber(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	}
	return "does not match the schema (" + strings.Join(k.KeywordPath(), "/") + ")"
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func list(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%#v", v)
		if s, ok := v.(fmt.Stringer); ok {
			words[i] = s.String()
		}
	}
	return strings.Join(words, ", ")
}

// pointer joins the segments into an RFC 6901 JSON pointer.
func pointer(segments []string) string {
	var sb strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, s := range segments {
		sb.WriteByte('/')
		_, _ = escape.WriteString(&sb, s)
	}
	return sb.String()
}
