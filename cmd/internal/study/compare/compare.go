//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// Column is the trace of one backend.
type Column struct {
	Backend string
	Records []*trace.Record
}

// width of a column; what is longer is cut.
const width = 34

// Write sets the columns side by side: the calls between two steps of the client row by
// row, how many there were, and in words why that differs. The first column is what the
// others are compared with.
func Write(w io.Writer, columns []Column) error {
	out := bufio.NewWriter(w)
	heads := make([]string, len(columns))
	all := make([][]section, len(columns))
	for i, c := range columns {
		heads[i] = c.Backend
		all[i] = sections(c.Records)
	}
	line(out, " ", heads)
	for _, s := range steps(all) {
		fmt.Fprintf(out, "\n» %s\n", s.note)
		for _, r := range align(s.cells) {
			texts := make([]string, len(r))
			for i, c := range r {
				if c != nil {
					texts[i] = c.text
				}
			}
			mark := " "
			if r.differs() {
				mark = "≠"
			}
			line(out, mark, texts)
		}
	}
	fmt.Fprintf(out, "\nHow many calls\n\n")
	counted := count(columns)
	counted.write(out, heads)
	fmt.Fprintf(out, "\nWhat differs, and why\n\n")
	for _, s := range counted.reasons(columns) {
		fmt.Fprintf(out, "- %s\n", s)
	}
	return out.Flush()
}

// section is what happens between two notes.
type section struct {
	note  string
	cells []cell
}

func sections(records []*trace.Record) (list []section) {
	for _, r := range records {
		switch {
		case r.Note != "":
			list = append(list, section{note: r.Note})
		case !skipped(r) && len(list) > 0:
			s := &list[len(list)-1]
			s.cells = append(s.cells, newCell(r))
		}
	}
	return list
}

// step is what the backends do between two notes, a list each.
type step struct {
	note  string
	cells [][]cell
}

// steps are the sections of several backends, those with the same note together: one that
// a backend lacks shifts none of the others.
func steps(columns [][]section) (list []step) {
	notes := make([][]cell, len(columns))
	for i, sections := range columns {
		for _, s := range sections {
			notes[i] = append(notes[i], cell{key: s.note})
		}
	}
	next := make([]int, len(columns)) // section of each
	for _, r := range align(notes) {
		s := step{cells: make([][]cell, len(columns))}
		for i, c := range r {
			if c != nil {
				s.note, s.cells[i] = c.key, columns[i][next[i]].cells
				next[i]++
			}
		}
		list = append(list, s)
	}
	return list
}

// skipped are the calls of what plays the kernel, which would not be there with one, and
// those that a signal ended, by chance.
func skipped(r *trace.Record) bool { return r.Depth > 0 || r.Interrupted() }

// line writes one row of the table. bufio keeps the first error for Flush.
func line(w *bufio.Writer, mark string, texts []string) {
	var b strings.Builder
	b.WriteString(mark)
	for _, t := range texts {
		b.WriteString(" ")
		b.WriteString(fit(t, width))
	}
	fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
}

// fit cuts a text, or fills it up, to n characters.
func fit(s string, n int) string {
	if have := utf8.RuneCountInString(s); have <= n {
		return s + strings.Repeat(" ", n-have)
	}
	return string([]rune(s)[:n-1]) + "…"
}

// counts is how many calls of each kind each backend made.
type counts struct {
	of     map[kind][]int
	again  []int // reads and accepts that were answered with EAGAIN
	passed []int // entries of the table that went to the kernel with a wait
}

func count(columns []Column) counts {
	c := counts{map[kind][]int{}, make([]int, len(columns)), make([]int, len(columns))}
	for _, k := range kinds {
		c.of[k] = make([]int, len(columns))
	}
	for i, col := range columns {
		for _, r := range col.Records {
			if r.Note != "" || skipped(r) {
				continue
			}
			c.of[newCell(r).kind][i]++
			if r.Wait && (r.Op == sys.OpPoll || r.Op == sys.OpSelect) {
				c.passed[i] += len(r.Asked)
			}
			if r.Op == sys.OpRead && result(r) == "EAGAIN" {
				c.again[i]++
			}
		}
	}
	return c
}

// write writes the table of counts, with a mark where they differ.
func (c counts) write(w *bufio.Writer, heads []string) {
	numbers := func(name string, values []int) {
		mark, text := " ", fit(name, 22)
		for _, v := range values {
			if v != values[0] {
				mark = "≠"
			}
			text += fmt.Sprintf("%12d", v)
		}
		fmt.Fprintf(w, "%s %s\n", mark, text)
	}
	text := fit("", 22)
	for _, h := range heads {
		text += fmt.Sprintf("%12s", h)
	}
	fmt.Fprintf(w, "  %s\n", text)
	all := make([]int, len(heads))
	for _, k := range kinds {
		numbers(string(k), c.of[k])
		for i, v := range c.of[k] {
			all[i] += v
		}
	}
	numbers("all", all)
	numbers("entries passed", c.passed)
}
