package chattext

import "slices"

// Hangul syllables are put together by arithmetic (Unicode 3.12).
const (
	syllables, leads, vowels, tails       = 0xac00, 0x1100, 0x1161, 0x11a7
	leadCount, vowelCount, tailCount      = 19, 21, 28
	syllableCount                    rune = leadCount * vowelCount * tailCount
)

// apart takes letters into letters and marks, the marks in the order of their
// classes: NFD for what a name may have, but that Hangul syllables stay whole.
func (t *tables) apart(s []rune) []rune {
	out := make([]rune, 0, len(s)+len(s)/2)
	for _, r := range s {
		at := len(out)
		for parts, ok := t.parts[r]; ok; parts, ok = t.parts[r] {
			out = slices.Insert(out, at, parts[1])
			r = parts[0]
		}
		out = slices.Insert(out, at, r)
	}
	for i := 0; i < len(out); i++ {
		j := i
		for j < len(out) && t.class[out[j]] != 0 {
			j++
		}
		slices.SortStableFunc(out[i:j], func(a, b rune) int { return t.class[a] - t.class[b] })
		i = j
	}
	return out
}

// together puts letters and marks together as far as that goes: NFC for what a name
// may have.
func (t *tables) together(s []rune) []rune {
	s = t.apart(s)
	out := s[:0]
	base := -1 // in out: the letter that marks are put on
	for _, r := range s {
		class := t.class[r]
		if base >= 0 {
			last := len(out) - 1
			// A mark of the same class, or another letter, may stand between.
			near := last == base || class != 0 && t.class[out[last]] != 0 && t.class[out[last]] < class
			if w, ok := t.pair(out[base], r); ok && near {
				out[base] = w
				continue
			}
		}
		out = append(out, r)
		if class == 0 {
			base = len(out) - 1
		}
	}
	return out
}

// pair puts two characters together.
func (t *tables) pair(a, b rune) (rune, bool) {
	switch {
	case a >= leads && a < leads+leadCount && b >= vowels && b < vowels+vowelCount:
		return syllables + ((a-leads)*vowelCount+b-vowels)*tailCount, true
	case a >= syllables && a < syllables+syllableCount && (a-syllables)%tailCount == 0 && b > tails && b < tails+tailCount:
		return a + b - tails, true
	}
	w, ok := t.whole[[2]rune{a, b}]
	return w, ok
}
