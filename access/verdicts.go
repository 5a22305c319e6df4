package access

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// verdicts is what the rules come to for all addresses of one version: those below
// the first turn have one verdict, those from it to the second the other, and so
// on. So an address is looked up by halving, whichever rule comes first in the list
// and however many there are.
type verdicts struct {
	first bool  // of the addresses below the first turn
	turns []key // sorted, each once
}

// of is the verdict on an address.
func (v *verdicts) of(k key) bool {
	below, end := 0, len(v.turns) // turns[:below] are at most k, turns[end:] above
	for below < end {
		middle := int(uint(below+end) / 2)
		if k.less(v.turns[middle]) {
			end = middle
		} else {
			below = middle + 1
		}
	}
	return v.first == (below%2 == 0)
}

// key is an address as a number of 128 bits, an IPv4 address as its v4-mapped one.
type key struct{ high, low uint64 }

func keyOf(a netip.Addr) key {
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k key) less(l key) bool { return k.high < l.high || k.high == l.high && k.low < l.low }

func (k key) compare(l key) int {
	return cmp.Or(cmp.Compare(k.high, l.high), cmp.Compare(k.low, l.low))
}

// next is the address behind k; ok is false behind the last of all.
func (k key) next() (n key, ok bool) {
	n = key{k.high, k.low + 1}
	if n.low == 0 {
		n.high++
	}
	return n, n != key{}
}

// block is the addresses of one rule.
type block struct {
	first, last key
	rank        int // its place among the rules: the lowest that matches decides
	allow       bool
}

func blockOf(p netip.Prefix, rank int, allow bool) block {
	first := keyOf(p.Addr())
	bits := p.Bits() + 128 - p.Addr().BitLen()
	host := key{0, ^uint64(0)} // the bits behind the prefix
	if bits < 64 {
		host.high = ^uint64(0) >> bits
	} else {
		host.low >>= bits - 64 // by 64 gives 0
	}
	return block{first, key{first.high | host.high, first.low | host.low}, rank, allow}
}

// compile makes the verdicts of the blocks of one version. Two blocks are apart, or
// one holds the other, as they are prefixes: walking over their beginnings, the
// larger first, the open ones are a stack.
func compile(blocks []block, otherwise bool) verdicts {
	slices.SortFunc(blocks, func(a, b block) int {
		return cmp.Or(a.first.compare(b.first), b.last.compare(a.last), cmp.Compare(a.rank, b.rank))
	})
	all := block{last: key{^uint64(0), ^uint64(0)}, rank: math.MaxInt, allow: otherwise}
	open := []block{all} // each with the rank and verdict of the block that decides in it
	var marks []mark
	leave := func() {
		left := open[len(open)-1]
		open = open[:len(open)-1]
		if from, ok := left.last.next(); ok {
			marks = append(marks, mark{from, open[len(open)-1].allow})
		}
	}
	for _, b := range blocks {
		for open[len(open)-1].last.less(b.first) {
			leave()
		}
		if around := open[len(open)-1]; around.rank < b.rank {
			b.rank, b.allow = around.rank, around.allow
		}
		open = append(open, b)
		marks = append(marks, mark{b.first, b.allow})
	}
	for len(open) > 1 {
		leave()
	}
	return turnsOf(marks, otherwise)
}

// mark says that a verdict begins at an address.
type mark struct {
	from  key
	allow bool
}

// turnsOf keeps of sorted marks those at which the verdict changes. Of several
// at one address the last counts.
func turnsOf(marks []mark, verdict bool) verdicts {
	v := verdicts{first: verdict}
	for i, m := range marks {
		overruled := i+1 < len(marks) && marks[i+1].from == m.from
		if !overruled && m.allow != verdict {
			v.turns = append(v.turns, m.from)
			verdict = m.allow
		}
	}
	v.turns = slices.Clip(v.turns)
	return v
}
