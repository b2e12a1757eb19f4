package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// payloadMax bounds what is read as a payload; the server's limit is lower.
const payloadMax = 64 << 20

// source says where the payload of one job comes from: at most one of them.
type source struct {
	given  bool   // argument is set, though it may be empty
	arg    string // JSON, or "-" for stdin
	file   string // path, or "-" for stdin
	fields []string
}

// read returns the payload, or nil when there is none.
func (p source) read(stdin io.Reader) (json.RawMessage, error) {
	sources := 0
	for _, used := range []bool{p.given, p.file != "", len(p.fields) > 0} {
		if used {
			sources++
		}
	}
	switch {
	case sources > 1:
		return nil, usagef("give the payload in one way: as an argument, with --payload-file or with --field")
	case len(p.fields) > 0:
		return object(p.fields)
	case p.file == "-" || p.arg == "-":
		return document("stdin", stdin)
	case p.file != "":
		file, err := os.Open(p.file)
		if err != nil {
			return nil, withExit(exitUsage, err)
		}
		defer file.Close()
		return document(p.file, file)
	case p.given:
		return document("the payload", strings.NewReader(p.arg))
	}
	return nil, nil
}

// document reads one JSON value.
func document(name string, r io.Reader) (json.RawMessage, error) {
	raw, err := readAll(r, payloadMax)
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	if err := checkJSON(raw); err != nil {
		return nil, usagef("%s is not JSON: %w", name, err)
	}
	return raw, nil
}

// object makes a JSON object of key=text and key:=json.
func object(fields []string) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, usagef("--field %q: want key=text or key:=json", field)
		}
		raw := json.RawMessage(value)
		if name, isJSON := strings.CutSuffix(key, ":"); isJSON {
			key = name
			if err := checkJSON(raw); err != nil {
				return nil, usagef("--field %q: the value is not JSON: %w", field, err)
			}
		} else {
			raw = text(value)
		}
		if key == "" {
			return nil, usagef("--field %q: the key is empty", field)
		}
		if _, taken := members[key]; taken {
			return nil, usagef("--field %q: the key is given twice", field)
		}
		members[key] = raw
	}
	return json.Marshal(members)
}

// text encodes a string as JSON.
func text(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return raw
}

// checkJSON says where raw stops being one JSON value, or is nil.
func checkJSON(raw []byte) error {
	if json.Valid(raw) {
		return nil
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return errors.New("it is empty")
	}
	var value json.RawMessage
	err := json.Unmarshal(raw, &value)
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w at byte %d", wrong, wrong.Offset)
	}
	return err
}
