package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// fileSizeMax bounds the file before it is looked at.
	fileSizeMax = 1 << 20
	// tokensMax bounds what is parsed. The parser takes time quadratic in the
	// number of tokens, and recurses as deep as they nest; a file with every
	// key has about 300.
	tokensMax = 10_000
)

// document is a parsed file.
type document struct {
	path   string
	lines  []string
	hidden map[int]bool // lines that may hold a secret
	root   ast.Node     // nil for an empty file
}

// openDocument reads and parses the file. The document is never nil, so that
// errors can quote its lines.
func openDocument(path string) (*document, *Error) {
	d := &document{path: path, hidden: map[int]bool{}}
	data, err := readLimited(path)
	if err != nil {
		return d, d.unreadable(err)
	}
	if len(data) > fileSizeMax {
		return d, d.misfit(position{}, "is larger than "+ByteSize(fileSizeMax).String(), "check that this is the configuration file")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	d.lines = strings.Split(text, "\n")
	if e := d.checkText(); e != nil {
		return d, e
	}
	return d, d.parse(text)
}

func readLimited(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, fileSizeMax+1))
}

func (d *document) unreadable(err error) *Error {
	cause := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pe.Err
	}
	fix := "make it a file that this user may read"
	if errors.Is(err, fs.ErrNotExist) {
		fix = "create it, or name another file"
	}
	return &Error{File: d.path, Problem: "cannot be read: " + cause.Error(), Fix: fix, err: err}
}

// misfit is an error about the document as a whole.
func (d *document) misfit(at position, problem, fix string) *Error {
	return &Error{File: d.path, Line: at.line, Column: at.column, Problem: problem, Fix: fix, shown: showNothing}
}

// checkText refuses what is not printable UTF-8.
func (d *document) checkText() *Error {
	for i, line := range d.lines {
		line = strings.TrimSuffix(line, "\r")
		column := 0
		for at, c := range line {
			column++
			if _, size := utf8.DecodeRuneInString(line[at:]); c == utf8.RuneError && size == 1 {
				return d.misfit(position{i + 1, column}, "is not UTF-8 text", "save the file as UTF-8")
			}
			if c != '\t' && unicode.IsControl(c) {
				return d.misfit(position{i + 1, column}, fmt.Sprintf("holds the control character %U", c), "remove it")
			}
		}
	}
	return nil
}

// parse finds the one document of the text.
func (d *document) parse(text string) (failure *Error) {
	defer func() {
		if r := recover(); r != nil {
			failure = d.misfit(position{}, "is not valid YAML", "compare it with configs/legwork.yaml")
		}
	}()
	tokens := lexer.Tokenize(text)
	if len(tokens) > tokensMax && countTokens(tokens) > tokensMax {
		return d.misfit(position{}, fmt.Sprintf("holds more than %d words and marks", tokensMax), "check that this is the configuration file")
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return d.syntax(err)
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
			return d.misfit(positionOf(doc.Body), "must be plain YAML without directives", "remove the line that begins with %")
		case d.root != nil:
			return d.misfit(positionOf(doc.Body), "must be one YAML document", "remove everything from this --- on")
		default:
			d.root = doc.Body
		}
	}
	return nil
}

// countTokens returns the number of tokens without comments.
func countTokens(tokens token.Tokens) int {
	n := 0
	for _, tk := range tokens {
		if tk.Type != token.CommentType {
			n++
		}
	}
	return n
}

// syntax turns an error of the parser into one of ours. The parser's own text
// quotes the lines around, which may hold secrets.
func (d *document) syntax(err error) *Error {
	ye, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return d.misfit(position{}, "is not valid YAML", "compare it with configs/legwork.yaml")
	}
	message := strings.ReplaceAll(ye.GetMessage(), "\t", `\t`)
	e := d.misfit(tokenPosition(ye.GetToken()), "is not valid YAML: "+message, syntaxFix(message))
	if e.Line > len(d.lines) {
		return e
	}
	line := d.lines[e.Line-1]
	if harmless(line) {
		e.shown = showLine
	}
	if before, _, ok := strings.Cut(line, "\t"); ok && syntaxFix(message) == fixTabs {
		e.Column = utf8.RuneCountInString(before) + 1
	}
	return e
}

const fixTabs = "indent with spaces, not tabs"

func syntaxFix(message string) string {
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, `\t`):
		return fixTabs
	case strings.Contains(message, "reserved character"), strings.Contains(message, "directive"):
		return "put the value in quotes"
	case strings.Contains(message, "end character of"):
		return "close the quotes"
	case strings.Contains(message, "end token"):
		return "close the bracket"
	case strings.Contains(message, "non-map value"):
		return "put a colon and a space after the key"
	default:
		return "indent the keys of a section alike, and put a value that contains a colon and a space in quotes"
	}
}

// harmless reports whether a line that could not be parsed may be shown: it
// begins with a known key, and nothing in it hints at a secret.
func harmless(line string) bool {
	name, _, found := strings.Cut(strings.TrimSpace(line), ":")
	if !found || strings.Contains(line, "pass") || carriesLogin(line) {
		return false
	}
	for _, f := range fields() {
		sections := strings.Split(f.Name, ".")
		for i, s := range sections {
			if s == name && (i < len(sections)-1 || !f.hidden) {
				return true
			}
		}
	}
	return false
}
