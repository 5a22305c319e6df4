//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"slices"
	"strings"

	"example.com/iomux/internal/sys"
)

// interest keeps the interest tables up to date, which are the kernel's on epoll and
// kqueue, by their descriptor, and the loop's own on poll and select.
type interest struct{ tables map[int]map[int]Row }

// owned is under which number the tables of poll and select are, of a loop each: no
// descriptor's.
func owned(loop int) int { return -1 - loop }

// change takes a call in and returns the table, if the call has changed it.
func (in *interest) change(r *Record) []Row {
	if r.Errno != 0 || r.Depth > 0 {
		return nil
	}
	switch {
	case r.Op == opEpollCtl && len(r.Asked) == 1:
		a := r.Asked[0]
		t := in.table(r.On.FD)
		if r.Verb == "DEL" {
			delete(t, a.FD)
		} else {
			t[a.FD] = Row{r.Loop, a.FD, a.Name, a.Bits}
		}
		return rows(t)
	case r.Op == sys.OpKevent && len(r.Asked) > 0:
		t := in.table(r.On.FD)
		for _, a := range r.Asked {
			setFilter(t, r.Loop, a)
		}
		return rows(t)
	case r.Op == sys.OpKevent:
		return nil
	case r.Op == sys.OpPoll || r.Op == sys.OpSelect:
		if !r.Wait {
			return nil
		}
		t := map[int]Row{}
		for _, a := range r.Asked {
			t[a.FD] = Row{r.Loop, a.FD, a.Name, a.Bits}
		}
		if before := in.table(owned(r.Loop)); slices.Equal(rows(before), rows(t)) {
			return nil
		}
		in.tables[owned(r.Loop)] = t
		return rows(t)
	case r.Op == sys.OpClose && in.tables[r.On.FD] != nil:
		delete(in.tables, r.On.FD)
		return []Row{}
	}
	return nil
}

func (in *interest) table(of int) map[int]Row {
	if in.tables[of] == nil {
		in.tables[of] = map[int]Row{}
	}
	return in.tables[of]
}

// setFilter applies one change of a kqueue, whose two filters of a descriptor are one
// row here.
func setFilter(t map[int]Row, loop int, a Ready) {
	words := strings.Split(a.Bits, "|")
	filter := words[0]
	bits := strings.Fields(t[a.FD].Bits)
	bits = slices.DeleteFunc(bits, func(b string) bool { return b == filter })
	if !slices.Contains(words, "DELETE") {
		bits = append(bits, filter)
		slices.Sort(bits)
	}
	if len(bits) == 0 {
		delete(t, a.FD)
		return
	}
	t[a.FD] = Row{loop, a.FD, a.Name, strings.Join(bits, " ")}
}

// rows is a table in the order of the numbers.
func rows(t map[int]Row) []Row {
	list := make([]Row, 0, len(t))
	for _, r := range t {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Row) int { return a.FD - b.FD })
	return list
}
