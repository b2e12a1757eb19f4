package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Registry holds the job types of one program. Fill it with [Handle] before the
// program starts; after that it is read only and safe for concurrent use.
type Registry struct {
	types map[string]*Type
	errs  []error
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{types: map[string]*Type{}} }

// Handle registers fn as the handler of the named type. T is decoded from the
// job's payload, whose JSON Schema is derived from it; R is stored as the job's
// result (use struct{} for none).
//
// A mistake (bad name, taken name, nil handler, bad option, an example that
// fails the schema) is kept and reported by [Registry.Err], so that one start
// shows all of them.
func Handle[T, R any](r *Registry, name string, fn func(context.Context, T) (R, error), o Options) {
	if fn == nil {
		r.errs = append(r.errs, fmt.Errorf("type %q: the handler is nil", name))
		return
	}
	t := &Type{run: erase(fn)}
	if err := t.define(name, reflect.TypeFor[T](), reflect.TypeFor[R](), o); err != nil {
		r.errs = append(r.errs, fmt.Errorf("type %q: %w", name, err))
		return
	}
	if _, taken := r.types[name]; taken {
		r.errs = append(r.errs, fmt.Errorf("type %q: registered twice", name))
		return
	}
	r.types[name] = t
}

// AddError adds what is wrong with a handler's settings to [Registry.Err], which
// stops the program's start. A nil error adds nothing.
func (r *Registry) AddError(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// Err joins everything that went wrong in [Handle] and [Registry.AddError], or
// is nil.
func (r *Registry) Err() error { return errors.Join(r.errs...) }

// Lookup returns the type of that name.
func (r *Registry) Lookup(name string) (*Type, bool) {
	t, ok := r.types[name]
	return t, ok
}

// Types returns every type, sorted by name.
func (r *Registry) Types() []*Type {
	all := make([]*Type, 0, len(r.types))
	for _, t := range r.types {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (t *Type) define(name string, payload, result reflect.Type, o Options) error {
	if why := CheckType(name); why != "" {
		return errors.New(why)
	}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	schema, err := schemaOf(payload)
	if err != nil {
		return fmt.Errorf("schema of payload %s: %w", payload, err)
	}
	t.Definition = Definition{
		Name: name, Queue: o.Queue, MaxRetries: o.MaxRetries, Timeout: o.Timeout, Retention: o.Retention,
		Backoff: o.Backoff, Summary: o.Summary, Payload: schema,
	}
	if result != reflect.TypeFor[struct{}]() {
		if t.Result, err = reflectSchema(result); err != nil {
			return fmt.Errorf("schema of result %s: %w", result, err)
		}
	}
	return t.addExamples(o.Examples)
}

func (t *Type) addExamples(examples []any) error {
	for i, ex := range examples {
		raw, err := json.Marshal(ex)
		if err != nil {
			return fmt.Errorf("example %d: %w", i, err)
		}
		if wrong := t.Payload.Validate(raw); len(wrong) > 0 {
			return fmt.Errorf("example %d: %w", i, &Error{Code: CodeInvalidPayload, Message: "fails the schema", Fields: wrong})
		}
		t.Examples = append(t.Examples, raw)
	}
	return nil
}
