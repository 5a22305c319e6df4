package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain is s as one line that a terminal shows and does not obey: white space of
// all kinds is a blank, and whatever else does not print is written as in Go:
// \x1b.
func Plain(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}

// clip is s in no more than n characters. What is left out is from its middle:
// labels of the same program differ at their ends.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	head := n / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-head-1):])
}
