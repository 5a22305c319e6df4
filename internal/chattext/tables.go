package chattext

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

//go:generate sh -c "go run ./maketables $UNICODE >unicode.txt"

//go:embed unicode.txt
var data string

// tables are what unicode.txt says, in the shape in which it is asked for.
type tables struct {
	letters *unicode.RangeTable // letters, marks and digits that a name may have
	styled  *unicode.RangeTable // other forms of those: a circled letter, a ligature

	parts map[rune][2]rune // a letter taken apart once
	whole map[[2]rune]rune // and put together
	class map[rune]int     // of a mark: those of different classes may change places

	looks map[rune][]rune // what a character looks like, taken apart
	same  *likeness
}

// loaded are the tables, made when they are first needed.
var loaded = sync.OnceValue(func() *tables {
	t := &tables{
		letters: &unicode.RangeTable{},
		styled:  &unicode.RangeTable{},
		parts:   map[rune][2]rune{},
		whole:   map[[2]rune]rune{},
		class:   map[rune]int{},
		looks:   map[rune][]rune{},
	}
	section := ""
	for line := range strings.Lines(data) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "@"); ok {
			section = name
			continue
		}
		line, apart := strings.CutPrefix(line, "!")
		f := strings.Fields(line)
		switch section {
		case "letters":
			add(t.letters, hex(f[0]), hex(f[1]))
		case "styled":
			add(t.styled, hex(f[0]), hex(f[1]))
		case "compose":
			r, parts := hex(f[0]), [2]rune{hex(f[1]), hex(f[2])}
			t.parts[r] = parts
			if !apart {
				t.whole[parts] = r
			}
		case "order":
			t.class[hex(f[0])] = number(f[1], 10)
		case "looks":
			var like []rune
			for _, p := range f[1:] {
				like = append(like, hex(p))
			}
			t.looks[hex(f[0])] = t.apart(t.together(like)) // Hangul comes in pieces
		}
	}
	t.same = t.liken()
	return t
})

// add adds a range to a set, above those that it has. The wide half of a
// RangeTable will do for all of them: unicode.Is looks there for what the other
// half has not.
func add(set *unicode.RangeTable, low, high rune) {
	set.R32 = append(set.R32, unicode.Range32{Lo: uint32(low), Hi: uint32(high), Stride: 1})
}

func hex(s string) rune { return rune(number(s, 16)) }

func number(s string, base int) int {
	n, err := strconv.ParseUint(s, base, 21)
	if err != nil {
		panic(err) // the file is ours
	}
	return int(n)
}
