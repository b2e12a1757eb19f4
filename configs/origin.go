package configs

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// position is a place in a file, both counted from 1, columns in characters.
type position struct{ line, column int }

// origin says where the value of a key came from: a variable or flag called
// name, or else a place in the file.
type origin struct {
	name  string
	at    position
	parts map[string]position // of list elements "[0]" and map entries ".name"
}

// place returns where a part of the value stands, or else the value.
func (o origin) place(part string) position {
	if p, ok := o.parts[part]; ok {
		return p
	}
	return o.at
}

func positionOf(node ast.Node) position {
	if literal, ok := node.(*ast.LiteralNode); ok {
		return tokenPosition(literal.Start)
	}
	return tokenPosition(node.GetToken())
}

func tokenPosition(tk *token.Token) position {
	if tk == nil || tk.Position == nil {
		return position{1, 1}
	}
	return position{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// How much of its line an Error shows: all of it, nothing, or, for a positive
// number, that many characters from the column on.
const (
	showLine    = 0
	showNothing = -1
)

// shown returns how much an error about the field may show.
func (f field) shown() int {
	if f.hidden {
		return showNothing
	}
	return showLine
}

// illustrate gives the errors of the document their excerpts. Lines that hold
// a secret are left out.
func (d *document) illustrate(errs Errors) {
	for _, e := range errs {
		if e.Line > 0 && e.Line <= len(d.lines) && e.shown != showNothing {
			e.Excerpt = d.excerpt(e.Line, e.Column, e.shown)
		}
	}
}

func (d *document) excerpt(line, column, shown int) string {
	const longest = 160
	text := []rune(strings.TrimRight(d.lines[line-1], "\r"))
	if column > len(text)+1 {
		return ""
	}
	before := string(text[:column-1])
	switch {
	case shown == showLine && (d.hidden[line] || carriesLogin(string(text))):
		return ""
	case shown > 0 && strings.Trim(before, " -{") != "":
		return ""
	case shown > 0:
		text = text[:min(len(text), column-1+shown)]
	}
	if len(text) > longest {
		return ""
	}
	blank := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, before)
	return fmt.Sprintf("%6d | %s\n%6s | %s^", line, string(text), "", blank)
}

// hide keeps the lines of a key and its value out of excerpts.
func (d *document) hide(pair *ast.MappingValueNode) {
	first := positionOf(pair.Key).line
	last := first
	if pair.Value != nil {
		last = d.lastLine(pair.Value)
	}
	for line := first; line <= last; line++ {
		d.hidden[line] = true
	}
}

// lastLine returns the last line that node may reach to: the one before, or
// the one of, the next key or element.
func (d *document) lastLine(node ast.Node) int {
	if literal, ok := node.(*ast.LiteralNode); ok {
		node = literal.Value
	}
	tk := node.GetToken()
	last := tokenPosition(tk).line
	switch node.(type) {
	case *ast.StringNode, *ast.NullNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		return len(d.lines)
	}
	if tk.Next == nil {
		return len(d.lines)
	}
	return max(last, tokenPosition(tk.Next).line-1)
}
