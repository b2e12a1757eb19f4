package failure

import "strings"

// Frame returns the function that a panic came from: the topmost of the stack, as
// runtime/debug.Stack writes it, that belongs neither to Go's standard library nor
// to Legwork's engine nor to asynq; or, when all do, the topmost that is not the
// runtime's. Without line numbers, type arguments and numbers of closures, so that a
// rebuild leaves it as it is. It returns "" when there is none.
func Frame(stack string) string {
	second := ""
	for line := range strings.Lines(belowPanic(stack)) {
		name := function(line)
		pkg := packageOf(name)
		switch {
		case pkg == "" || pkg == "runtime" || strings.HasPrefix(pkg, "runtime/"):
		case !isForeign(pkg):
			return bare(name)
		case second == "":
			second = bare(name)
		}
	}
	return second
}

// belowPanic returns the part of the stack below the latest panic: what is above it
// recovers. A stack without one is returned as it is.
func belowPanic(stack string) string {
	at := strings.Index(stack, "\npanic(")
	if at < 0 {
		return stack
	}
	return stack[at+1:]
}

// function returns the function that a line of a stack names, or "".
func function(line string) string {
	line = strings.TrimRight(line, "\r\n")
	end := strings.LastIndexByte(line, '(')
	if end <= 0 || line[0] == '\t' || line[0] == ' ' || strings.HasPrefix(line, "panic(") ||
		strings.HasPrefix(line, "created by ") || strings.HasPrefix(line, "goroutine ") {
		return ""
	}
	return line[:end]
}

// packageOf returns the import path of the function's package, as far as it tells:
// type arguments may hold slashes, too.
func packageOf(name string) string {
	name, _, _ = strings.Cut(name, "[")
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return ""
	}
	return name[:slash+dot]
}

// isForeign reports whether the package is Go's, Legwork's engine or asynq.
func isForeign(pkg string) bool {
	switch {
	case strings.HasSuffix(pkg, "_test"):
		return false
	case pkg == "legwork/jobs", strings.HasPrefix(pkg, "legwork/internal/"), strings.HasPrefix(pkg, "github.com/hibiken/asynq"):
		return true
	}
	first, _, _ := strings.Cut(pkg, "/")
	return isStandard(first)
}

// isStandard reports whether Go's standard library has packages that begin so.
func isStandard(first string) bool {
	switch first {
	case "", "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed",
		"encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log",
		"maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv",
		"strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe", "vendor", "weak":
		return true
	}
	return false
}

// bare takes from a function's name what the compiler puts there.
func bare(name string) string {
	var plain strings.Builder
	depth := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			plain.WriteByte(c)
		}
	}
	name = strings.ReplaceAll(plain.String(), "%2e", ".")
	slash := strings.LastIndexByte(name, '/') + 1
	parts := strings.Split(name[slash:], ".")
	for i := 1; i < len(parts); i++ {
		parts[i], _, _ = strings.Cut(parts[i], "-") // main.run.func1-range2, main.T.run-fm
	}
	for len(parts) > 2 && made(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	return name[:slash] + strings.Join(parts, ".")
}

// made reports whether the compiler made the last part of a function's name up.
func made(part string) bool {
	for _, prefix := range []string{"func", "gowrap", "deferwrap"} {
		part = strings.TrimPrefix(part, prefix)
	}
	return strings.Trim(part, "0123456789") == ""
}
