package failure_test

import (
	"runtime/debug"
	"strings"
	"testing"

	"legwork/internal/failure"
)

// stackOf returns the stack that a recovering caller of fn sees.
func stackOf(fn func()) (stack string) {
	defer func() {
		_ = recover()
		stack = string(debug.Stack())
	}()
	fn()
	return ""
}

type thing[T any] struct{ list []T }

func (x *thing[T]) at(i int) T { return x.list[i] }

func explode()             { panic("boom") }
func closure()             { func() { func() { explode() }() }() }
func inClosure()           { func() { panic("boom") }() }
func inLoop()              { seq(func(int) bool { panic("boom") }) }
func inStandard()          { _ = strings.Repeat("x", -len(debug.Stack())) }
func generic()             { (&thing[map[string]int]{}).at(3) }
func again()               { defer func() { _ = recover(); explode() }(); panic("first") }
func seq(f func(int) bool) { f(1) }

func TestFrameOfRealPanics(t *testing.T) {
	t.Parallel()
	const pkg = "legwork/internal/failure_test."
	method := (&thing[string]{}).at
	for name, tc := range map[string]struct {
		fn   func()
		want string
	}{
		"plain":          {explode, pkg + "explode"},
		"called":         {closure, pkg + "explode"},
		"closure":        {inClosure, pkg + "inClosure"},
		"iterator":       {inLoop, pkg + "inLoop"},
		"standard":       {inStandard, pkg + "inStandard"},
		"generic":        {generic, pkg + "(*thing).at"},
		"method value":   {func() { method(1) }, pkg + "(*thing).at"},
		"panic in defer": {again, pkg + "explode"},
		"nil function":   {func() { var f func(); f() }, pkg + "TestFrameOfRealPanics"},
		"caller":         {func() { generic() }, pkg + "(*thing).at"},
	} {
		if got := failure.Frame(stackOf(tc.fn)); got != tc.want {
			t.Errorf("%s: frame %q, want %q", name, got, tc.want)
		}
	}
}

const engineStack = `goroutine 41 [running]:
runtime/debug.Stack()
	/usr/lib/go/src/runtime/debug/stack.go:26 +0x5e
legwork/internal/engine.call.func1()
	/src/internal/engine/crew.go:130 +0x8a
panic({0x9c4ae0?, 0xc1d2e0?})
	/usr/lib/go/src/runtime/panic.go:792 +0x132
encoding/json.(*decodeState).object(...)
	/usr/lib/go/src/encoding/json/decode.go:700
example.com/shop/billing%2ev2.(*Sender).send.func1.gowrap2({0xc0001, 0x2})
	/src/billing/send.go:42 +0x1d
legwork/jobs.Handle[...].func1({0xd0, 0xc0})
	/src/jobs/registry.go:70 +0x9c
legwork/internal/engine.call({0xd0, 0xc0})
	/src/internal/engine/crew.go:137 +0x11
created by legwork/internal/engine.(*crew).hire in goroutine 8
	/src/internal/engine/crew.go:80 +0x1e5
`

func TestFrame(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":           "",
		"nonsense":   "",
		"\n\t(\n(\n": "",
		engineStack:  "example.com/shop/billing.v2.(*Sender).send",
		strings.ReplaceAll(strings.ReplaceAll(engineStack, "send.go:42", "send.go:57"), "func1.gowrap2", "func3.1.2-range1"): "example.com/shop/billing.v2.(*Sender).send",
		"main.f[go.shape.struct { a/b.C }](0x1)\n\tx.go:1\n":                                                                 "main.f",
		"main.glob..func1()\n":  "main.glob",
		"main.init.0.func2()\n": "main.init",
		"main.(*T).run-fm()\n":  "main.(*T).run",
		"runtime.gopanic()\nlegwork/internal/engine.call()\ngithub.com/hibiken/asynq.(*processor).exec()\n": "legwork/internal/engine.call",
		"legwork/handlers/email.Handler()\n":            "legwork/handlers/email.Handler",
		"strings.Repeat(...)\r\n\tx\r\nmain.g(...)\r\n": "main.g",
	} {
		if got := failure.Frame(in); got != want {
			t.Errorf("Frame(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(engineStack)
	f.Add("main.f[a(1)\n[.(\n./(.\n")
	f.Fuzz(func(t *testing.T, stack string) {
		if got := failure.Frame(stack); len(got) > len(stack)+1 || strings.Contains(got, "\n") {
			t.Fatalf("Frame(%q) = %q", stack, got)
		}
	})
}
