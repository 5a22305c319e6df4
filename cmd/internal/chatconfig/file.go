package chatconfig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is a key of the file, and its value in the words that a flag takes.
type entry struct {
	file   string
	line   int
	key    string
	values []string
	fault  string // what the value is, if no flag can take it
}

// sizeLimit bounds the file, which is read whole.
const sizeLimit = 1 << 20

// read reads a file of TOML, whose keys are at its top, in the order of its lines.
func read(file string) ([]entry, error) {
	text, err := contents(file)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		var bad *toml.DecodeError
		if errors.As(err, &bad) {
			line, column := bad.Position()
			return nil, fmt.Errorf("%s:%d: column %d: %w", file, line, column, err)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var list []entry
	for key, line := range keyLines(text) {
		e := entry{file: file, line: line, key: key}
		var ok bool
		if e.values, ok = words(values[key]); !ok {
			e.fault = fmt.Sprintf("%q is a table or a time: want a string, a number, true, false or a list of strings", key)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b entry) int { return a.line - b.line })
	return list, nil
}

func contents(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err == nil && len(text) > sizeLimit {
		err = fmt.Errorf("%s: want a file of at most %d bytes", file, sizeLimit)
	}
	return text, err
}

// keyLines is the line of each key at the top of a document that has no faults; of a
// table it is the line of its first heading, or of the first key within.
func keyLines(text []byte) map[string]int {
	lines := map[string]int{}
	var p unstable.Parser
	p.Reset(text)
	for table := ""; p.NextExpression(); {
		e := p.Expression()
		key := e.Key()
		if !key.Next() {
			continue
		}
		n := key.Node()
		name := string(n.Data)
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = name
		case unstable.KeyValue:
			if table != "" {
				continue
			}
		}
		if _, there := lines[name]; !there {
			lines[name] = p.Shape(n.Raw).Start.Line
		}
	}
	return lines
}

// words is a value as a flag takes it, or the values of a list.
func words(value any) (list []string, ok bool) {
	several, ok := value.([]any)
	if !ok {
		several = []any{value}
	}
	list = []string{}
	for _, v := range several {
		w, ok := word(v)
		if !ok {
			return nil, false
		}
		list = append(list, w)
	}
	return list, true
}

func word(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
