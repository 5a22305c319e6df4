//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/iomux/cmd/internal/harmless"
)

// field is a value with its name. The value is a string, a bool, a number or a list
// of strings.
type field struct {
	name  string
	value any
}

// record is an answer. Its fields keep their order.
type record []field

// printer prints answers: as text, or as one JSON object a line. An error of writing
// is kept for flush.
type printer struct {
	w       *bufio.Writer
	asJSON  bool
	started bool
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: bufio.NewWriter(w), asJSON: asJSON}
}

// failed reports whether printing has become useless.
func (p *printer) failed() bool {
	_, err := p.w.Write(nil) // bufio keeps its first error
	return err != nil
}

func (p *printer) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

// line prints the values of an answer on one line.
func (p *printer) line(r record) {
	if p.asJSON {
		p.object(r)
		return
	}
	words := make([]string, len(r))
	for i, f := range r {
		words[i] = word(f.value)
	}
	fmt.Fprintln(p.w, strings.Join(words, " "))
}

// keyWidth is where values begin in blocks, the same in all of them.
const keyWidth = 14

// block prints an answer as lines of a name and a value, a list as a line for each
// of its values. A blank line stands between two blocks.
func (p *printer) block(r record) {
	if p.asJSON {
		p.object(r)
		return
	}
	if p.started {
		fmt.Fprintln(p.w)
	}
	p.started = true
	for _, f := range r {
		values, ok := f.value.([]string)
		if !ok {
			values = []string{fmt.Sprint(f.value)}
		}
		for _, v := range values {
			fmt.Fprintf(p.w, "%-*s %s\n", keyWidth, f.name, word(v))
		}
	}
}

// object prints an answer as a JSON object.
func (p *printer) object(r record) {
	var text []byte
	for i, f := range r {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		if list, ok := f.value.([]string); ok && list == nil {
			f.value = []string{} // not null
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			panic(err) // it is none of the types that a value may have
		}
		text = append(text, separator)
		text = fmt.Appendf(text, "%q:%s", f.name, ascii(value))
	}
	fmt.Fprintf(p.w, "%s}\n", text)
}

// ascii writes what is not ASCII in JSON as escapes: the value stays the same, and
// no terminal is moved by it.
func ascii(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch high, low := utf16.EncodeRune(r); {
		case r < 0x7f:
			out = append(out, byte(r))
		case high != utf8.RuneError:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

// word is a value as one word that is harmless on a terminal, whoever it is from:
// also what separates words and lines is escaped. Nothing is a dash.
func word(value any) string {
	s := fmt.Sprint(value)
	if s == "" {
		return "-"
	}
	return harmless.String(blanks.Replace(s))
}

var blanks = strings.NewReplacer(" ", `\x20`, "\t", `\x09`, "\n", `\x0a`, "\r", `\x0d`)
