package configs

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null || node == nil
}

// refusal says why a node is not taken although YAML allows it; it returns nil
// for plain nodes.
func refusal(node ast.Node) *fault {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		return &fault{problem: "must be a plain value; anchors and aliases are not supported", fix: "write the value out"}
	case *ast.MergeKeyNode:
		return &fault{problem: "must not use the merge key <<", fix: "write the keys out"}
	case *ast.TagNode:
		return &fault{problem: "must be a plain value; tags are not supported", fix: "remove the word that begins with !"}
	}
	return nil
}

// mapping returns the pairs of a node, or what is wrong with it.
func mapping(node ast.Node) ([]*ast.MappingValueNode, *fault) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	if f := refusal(node); f != nil {
		return nil, f
	}
	return nil, &fault{problem: "must be a mapping of keys to values", fix: "write one key per line, each with a colon, a space and its value"}
}

// keyText returns the name that a key is written as.
func keyText(node ast.MapKeyNode) (string, *fault) {
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return node.GetToken().Value, nil
	}
	if f := refusal(node); f != nil {
		return "", f
	}
	return "", &fault{problem: "must have plain names as keys", fix: "write a name, a colon, a space and the value"}
}

// scalarText returns the text of a node that may hold a value of type t. YAML
// decides by the form of a word whether it is text, a number or a boolean; a
// word of another form than t is refused rather than converted.
func scalarText(node ast.Node, t reflect.Type) (string, *fault) {
	if isNull(node) {
		return "", mismatch(t, "")
	}
	if f := refusal(node); f != nil {
		return "", f
	}
	switch n := node.(type) {
	case *ast.BoolNode:
		if t.Kind() == reflect.Bool {
			return n.GetToken().Value, nil
		}
		return "", mismatch(t, n.GetToken().Value)
	case *ast.IntegerNode, *ast.FloatNode:
		if t.Kind() == reflect.String || t.Kind() == reflect.Bool {
			return "", mismatch(t, n.GetToken().Value)
		}
		return n.GetToken().Value, nil
	case *ast.StringNode:
		quoted := n.Token.Type != token.StringType
		if t.Kind() == reflect.Bool || t == reflect.TypeFor[int]() && quoted {
			f := mismatch(t, n.Value)
			f.quoted = quoted
			return "", f
		}
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	default:
		return "", mismatch(t, "")
	}
}

// mismatch is the fault of a value that has not the form of type t.
func mismatch(t reflect.Type, text string) *fault {
	f := &fault{value: text}
	switch typeName(t) {
	case "boolean":
		f.problem, f.fix = "must be true or false", "write true or false, without quotes"
	case "integer":
		f.problem, f.fix = "must be a whole number", "write decimal digits only, without quotes, such as 10"
	case "size":
		f.problem, f.fix = "must be a size", "write a size such as 512KiB or 1MiB"
	case "duration":
		f.problem, f.fix = "must be a duration", "write a duration such as 30s"
	default:
		f.problem, f.fix = "must be text", "put it in quotes"
	}
	return f
}
