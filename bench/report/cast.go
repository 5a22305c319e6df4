package report

import (
	"slices"
	"strings"

	"example.com/iomux/bench/result"
)

const (
	// house is the program whose author speaks here, and which a page therefore
	// sets off from others.
	house = "iomux"
	// maxLines is how many peers a plot of lines can hold.
	maxLines = 8
)

// rivals are whom it is to be compared with, in this order: what people use
// instead.
var rivals = []string{"gnet", "gonet"}

// cast knows which program is behind a label.
type cast map[string]string

func newCast(r *result.Report) cast {
	c := cast{}
	for _, p := range r.Peers {
		if words := strings.Fields(p.Command); len(words) > 0 {
			c[p.Label] = words[0]
		}
	}
	return c
}

func (c cast) program(label string) string {
	if p, ok := c[label]; ok {
		return p
	}
	program, _, _ := strings.Cut(label, " ")
	return program
}

func (c cast) ours(label string) bool { return c.program(label) == house }

// find is the first row of a program, rather as it is than with flags; nil if
// there is none.
func (c cast) find(o *result.Outcome, program string) *result.Row {
	if r := o.Row(program); r != nil && c.program(program) == program {
		return r
	}
	for _, r := range o.Rows {
		if c.program(r.Peer) == program {
			return r
		}
	}
	return nil
}

// pair is whom a scenario's sentence compares: ours, and the rival or else the
// base. Either may be nil.
func (c cast) pair(o *result.Outcome) (ours, rival *result.Row) {
	ours = c.find(o, house)
	for _, name := range rivals {
		if rival == nil {
			rival = c.find(o, name)
		}
	}
	if base := o.Row(o.Base); rival == nil && base != ours {
		rival = base
	}
	return ours, rival
}

func (c cast) isRival(label string) bool { return slices.Contains(rivals, c.program(label)) }
