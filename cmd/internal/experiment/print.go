//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// widest is how far to the right an answer is moved to stand below the others.
const widest = 58

// Print writes the transcript.
func (r Result) Print(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s: %s\n", r.Name, r.Shows)
	column := r.column()
	for i, step := range r.Steps {
		fmt.Fprintf(b, "\n%2d. %s\n", i+1, step.Text)
		for _, line := range step.Lines {
			if line.Answer == "" {
				fmt.Fprintf(b, "      %s\n", line.Text)
				continue
			}
			blanks := strings.Repeat(" ", max(0, column-utf8.RuneCountInString(line.Text)))
			fmt.Fprintf(b, "      %s%s = %s\n", line.Text, blanks, line.Answer)
		}
	}
	if r.Observed != "" {
		fmt.Fprintf(b, "\nobserved: %s\n", r.Observed)
	}
	return b.Flush()
}

// column is where the answers begin.
func (r Result) column() (column int) {
	for _, step := range r.Steps {
		for _, line := range step.Lines {
			if n := utf8.RuneCountInString(line.Text); line.Answer != "" && n <= widest {
				column = max(column, n)
			}
		}
	}
	return column
}
