package chattext

import (
	"cmp"
	"slices"
	"unicode"
)

// likeness puts characters into classes of those that people take for each other: the
// upper and lower case of one letter, and what looks alike by UTS 39.
//
// Both together would put too much into one. A Greek Ν looks like N, and its lower
// case ν like v: then n and v would be one. So two characters of ASCII that are not
// one by themselves (as 0 and o are, 1 and l and i, m and rn) never get into one class:
// what would bring that about is left out, a letter's upper case rather than its lower.
// What is left out tables.poses watches for.
type likeness struct {
	up    map[rune]rune   // to a member of the same class; the classes are trees
	ascii map[rune]rune   // a class's member of ASCII, under its root
	many  map[rune][]rune // what a class looks like, if that is more than one character
	least map[rune]rune   // a class's first member
}

// liken makes the classes.
func (t *tables) liken() *likeness {
	l := &likeness{up: map[rune]rune{}, ascii: map[rune]rune{}, many: map[rune][]rune{}, least: map[rune]rune{}}
	var sources []rune
	for r := range t.looks {
		sources = append(sources, r)
	}
	slices.SortFunc(sources, func(a, b rune) int {
		return cmp.Or(rank(a, t.looks[a])-rank(b, t.looks[b]), int(a-b))
	})
	for r := rune('!'); r <= '~'; r++ {
		l.enter(r)
	}
	l.many[l.root('ß')] = []rune("ss") // as case folding has it
	for _, r := range sources {
		l.add(r, t.looks[r])
	}
	return l
}

// rank says how early add hears of a likeness: of ASCII with itself first, then with
// one character of ASCII, with one other, with many, of which the first may be of
// ASCII or not; of each the lower case first.
func rank(r rune, like []rune) int {
	if r <= unicode.MaxASCII {
		return 0
	}
	n := 1
	if like[0] > unicode.MaxASCII {
		n += 2
	}
	if len(like) > 1 {
		n += 4
	}
	if unicode.IsUpper(r) {
		n++
	}
	return n
}

// enter gives a character and its other cases a class, if they have none.
func (l *likeness) enter(r rune) {
	if _, ok := l.up[r]; ok {
		return
	}
	l.up[r], l.least[r] = r, r
	for _, other := range cases(r) {
		l.up[other] = r
		l.least[r] = min(l.least[r], other)
	}
	if r <= unicode.MaxASCII {
		l.ascii[r] = unicode.ToLower(r)
	}
}

// cases are the cases of a letter, itself first.
func cases(r rune) []rune {
	list := []rune{r}
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		// The iota under a Greek letter has ι for a case, yet looks like an ogonek: fold sees to it.
		if unicode.IsMark(other) == unicode.IsMark(r) {
			list = append(list, other)
		}
	}
	return list
}

// root stands for the class of a character.
func (l *likeness) root(r rune) rune {
	l.enter(r)
	root, _ := l.find(r)
	return root
}

// find is root for a character that may have no class.
func (l *likeness) find(r rune) (root rune, ok bool) {
	up, ok := l.up[r]
	for ok && up != r {
		r, up = up, l.up[up]
	}
	return r, ok
}

// add says that r looks like these.
func (l *likeness) add(r rune, like []rune) {
	root := l.root(r)
	if len(like) != 1 {
		if l.ascii[root] == 0 && l.many[root] == nil || r <= unicode.MaxASCII {
			l.many[root] = like
		}
		return
	}
	other := l.root(like[0])
	a, b := l.ascii[root], l.ascii[other]
	switch {
	case root == other:
		return
	case r <= unicode.MaxASCII: // 0 and o, 1 and l
	case a != 0 && b != 0, l.many[root] != nil, l.many[other] != nil && b == 0:
		return
	}
	l.up[root] = other
	l.ascii[other] = max(a, b) // of 0 and o, the letter
	l.least[other] = min(l.least[root], l.least[other])
}

// append appends what stands for a character's class. It only reads.
func (l *likeness) append(out []rune, r rune) []rune {
	root, ok := l.find(r)
	switch {
	case !ok: // looks like nothing else, but has a case perhaps
		return append(out, slices.Min(cases(r)))
	case l.many[root] != nil:
		for _, m := range l.many[root] {
			out = l.append(out, m)
		}
		return out
	case l.ascii[root] != 0:
		return append(out, l.ascii[root])
	}
	return append(out, l.least[root])
}
