package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// errDiffers: a byte came that is not the one wanted.
var errDiffers = errors.New("differs")

// values are what placeholders stand for.
type values struct {
	known map[string]string // by kind: addresses
	kept  map[string]uint64 // by kind and name: numbers
}

// maxDigits bounds a number, so that it fits into 64 bits.
const maxDigits = 19

// Match compares what a program has printed with the text. Known gives the values
// of <HOST>, <PORT>, <SERVER-HOST> and <SERVER-PORT> by their kind. The error shows both sides.
func (t Text) Match(got string, known map[string]string) error {
	in := bytes.NewReader([]byte(got))
	seen, err := t.match(in, values{known, map[string]uint64{}})
	right := len(seen)
	switch {
	case err == nil && in.Len() == 0:
		return nil
	case errors.Is(err, errDiffers):
		right-- // the last one is wrong
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return fmt.Errorf("differs in line %d\nwant:\n%s\ngot:\n%s", 1+strings.Count(got[:right], "\n"), t.plain(), got)
}

// plain is the text without quotes.
func (t Text) plain() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.kind != "" {
			b.WriteString(p.String())
		}
		b.WriteString(p.literal)
	}
	return b.String()
}

// match reads from in what the text wants, and not a byte more. It returns what it
// has read, which with errDiffers ends with the byte that is wrong; other
// errors are in's.
func (t Text) match(in io.ByteScanner, v values) (got []byte, err error) {
	for _, p := range t.parts {
		var more []byte
		switch p.kind {
		case "":
			more, err = matchLiteral(in, p.literal)
		case ctime:
			more, err = matchTime(in)
		case pid, number:
			more, err = matchNumber(in, p, v.kept)
		default:
			want, ok := v.known[p.kind]
			if !ok {
				return got, fmt.Errorf("%v: such a connection has none", p)
			}
			more, err = matchLiteral(in, want)
		}
		if got = append(got, more...); err != nil {
			return got, err
		}
	}
	return got, nil
}

// matchLiteral reads byte by byte, so that a difference shows when it arrives and
// not when as many bytes have arrived as were wanted.
func matchLiteral(in io.ByteScanner, want string) (got []byte, err error) {
	for i := range len(want) {
		c, err := in.ReadByte()
		if err != nil {
			return got, err
		}
		if got = append(got, c); c != want[i] {
			return got, errDiffers
		}
	}
	return got, nil
}

func matchTime(in io.ByteScanner) (got []byte, err error) {
	for len(got) < len(time.ANSIC) {
		c, err := in.ReadByte()
		if err != nil {
			return got, err
		}
		if got = append(got, c); c < ' ' || c > 'z' {
			return got, errDiffers
		}
	}
	if !isTime(string(got)) {
		return got, errDiffers
	}
	return got, nil
}

// isTime reports whether s is a time as C's ctime writes it. Parse alone would
// take a day that is padded with 0, and any day of the week.
func isTime(s string) bool {
	at, err := time.Parse(time.ANSIC, s)
	return err == nil && at.Format(time.ANSIC) == s
}

// matchNumber reads digits and leaves what is behind them.
func matchNumber(in io.ByteScanner, p part, kept map[string]uint64) (got []byte, err error) {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return got, err
		}
		if !digit(c) {
			if len(got) == 0 {
				return []byte{c}, errDiffers
			}
			if err := in.UnreadByte(); err != nil {
				return got, err
			}
			break
		}
		if got = append(got, c); len(got) > maxDigits || len(got) > 1 && got[0] == '0' {
			return got, errDiffers
		}
	}
	n, err := strconv.ParseUint(string(got), 10, 64)
	if err != nil {
		return got, err // cannot be: they are few digits
	}
	if p.kind == pid && n == 0 {
		return got, errDiffers
	}
	if p.name == "" {
		return got, nil
	}
	key := p.kind + ":" + p.name
	if _, ok := kept[key]; !ok {
		kept[key] = n - p.plus
	}
	if n != kept[key]+p.plus {
		return got, errDiffers
	}
	return got, nil
}
