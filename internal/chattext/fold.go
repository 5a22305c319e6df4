package chattext

import (
	"slices"
	"strings"
	"unicode"
)

// fold is the fold of a name.
func (k kind) fold(t *tables, name []rune) string {
	idle := func(r rune) bool { return strings.ContainsRune(k.idle, r) }
	return string(t.fold(slices.DeleteFunc(slices.Clone(name), idle)))
}

// fold puts for each character what stands for its class.
func (t *tables) fold(name []rune) []rune {
	i, j := t.same.append(nil, 'i')[0], t.same.append(nil, 'j')[0]
	var out []rune
	for _, r := range t.apart(name) {
		// An i and a j have their dot without saying so; and ı and İ are i as well.
		if n := len(out); r == '\u0307' && n > 0 && (out[n-1] == i || out[n-1] == j) {
			continue
		}
		if r == '\u0345' {
			r = 'ι' // what is under a lower case stands behind the upper
		}
		out = t.same.append(out, r)
	}
	return t.apart(out)
}

// poses reports whether a name, which has these scripts, looks as if it had others and
// none of these, and has not the fold of what it looks like.
func (t *tables) poses(name []rune, scripts []string) (like []rune, ok bool) {
	if len(scripts) == 0 {
		return nil, false
	}
	foreign := false
	apart := t.apart(name)
	for _, r := range apart {
		seen, ok := t.looks[r]
		if !ok {
			seen = []rune{r}
		}
		for _, l := range seen {
			if unicode.IsMark(l) && !slices.Contains(apart, l) {
				return nil, false // a letter with a stroke or a hook that gives it away
			}
			switch script := scriptOf(l); {
			case script == common:
			case slices.Contains(scripts, script):
				return nil, false
			default:
				foreign = true
			}
		}
		like = append(like, seen...)
	}
	return like, foreign && !slices.Equal(t.fold(like), t.fold(name))
}
