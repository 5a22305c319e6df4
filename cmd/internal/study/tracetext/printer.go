//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package tracetext

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/iomux/cmd/internal/study/explain"
	"example.com/iomux/cmd/internal/study/trace"
)

// Printer writes records as they come. One goroutine at a time may use it.
type Printer struct {
	// Stable leaves out what is another in each run: times, what trace.Style does, the
	// calls of what plays the kernel, and those that a signal ended.
	Stable bool
	// Loops says which loop made a call, where there may be several.
	Loops bool

	w       *bufio.Writer
	explain *explain.Explainer
	err     error // the first of w
}

// New makes a printer that writes to w; Flush must be called in the end.
func New(w io.Writer) *Printer {
	return &Printer{w: bufio.NewWriterSize(w, 64<<10), explain: explain.New()}
}

// columns is how wide the call with its result is, in most lines.
const columns = 76

// Record prints one.
func (p *Printer) Record(r *trace.Record) {
	why := p.explain.Record(r)
	if p.Stable && (r.Depth > 0 || r.Interrupted()) {
		return
	}
	if r.Note != "" {
		p.print("\n» %s\n", r.Note)
		return
	}
	style := trace.Style{Stable: p.Stable}
	if !p.Stable {
		p.print("%10s %9s  ", millis(r.At), took(r.Took))
	}
	if p.Loops {
		who := "-"
		if r.Loop > 0 {
			who = fmt.Sprintf("loop %d", r.Loop)
		}
		p.print("%-7s ", who)
	}
	line := strings.Repeat("  └ ", r.Depth) + style.Line(r)
	p.print("%-8s  %s  %s\n", r.Phase, pad(line, columns), why)
}

// Head explains the columns.
func (p *Printer) Head() {
	if !p.Stable {
		p.print("%10s %9s  ", "began", "took")
	}
	if p.Loops {
		p.print("%-7s ", "who")
	}
	p.print("%-8s  %s  %s\n", "phase", pad("call = result", columns), "why, and what the answer means")
}

// Text prints lines of its own, such as a title.
func (p *Printer) Text(s string) { p.print("%s\n", s) }

// Flush writes what is gathered. It returns the first error there was.
func (p *Printer) Flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}

func (p *Printer) print(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format, args...); err != nil && p.err == nil {
		p.err = err
	}
}

// pad fills s up with blanks; fmt would count its bytes.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3fms", float64(d)/1e6) }

// took is a length of time that fits a column.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1fµs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.2fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}
