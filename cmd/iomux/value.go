//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a few words.
type choice struct {
	name  string // of what it is, in the help
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return c.name }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("want %s", orList(c.of))
	}
	c.value = s
	return nil
}

// complete has a shell complete the words.
func (c *choice) complete(cmd *cobra.Command, flag string) {
	words := cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, words); err != nil {
		panic(err) // there is no such flag, or it is completed already
	}
}

// count is a flag that takes a whole number, at least 1. 0 is what it has before
// it is set: a default that the reactor knows.
type count struct{ value, max int }

func (n *count) Type() string { return "N" }

func (n *count) String() string {
	if n.value == 0 {
		return ""
	}
	return strconv.Itoa(n.value)
}

func (n *count) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 || v > n.max {
		return fmt.Errorf("want a number from 1 to %d", n.max)
	}
	n.value = v
	return nil
}

// size is a flag that takes a number of bytes, at least 1.
type size int

// units of sizes, the largest first.
var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (n *size) Type() string { return "SIZE" }

func (n *size) String() string {
	for _, u := range units {
		if v := int(*n); v > 0 && v%u.bytes == 0 {
			return strconv.Itoa(v/u.bytes) + u.name
		}
	}
	return ""
}

func (n *size) Set(s string) error {
	number, unit := s, 1
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	v, err := strconv.Atoi(number)
	if err != nil || v < 1 || v > math.MaxInt/unit {
		return errors.New("want a size such as 65536, 256KiB, 16MiB or 1GiB")
	}
	*n = size(v * unit)
	return nil
}

// span is a flag that takes a length of time.
type span struct {
	value time.Duration
	min   time.Duration
	off   bool // "off" may be said, which is 0
}

func (d *span) Type() string { return "TIME" }

// String is short: 5m, where time.Duration says 5m0s.
func (d *span) String() string {
	if d.value == 0 && d.off {
		return "off"
	}
	s := d.value.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (d *span) Set(s string) error {
	v, err := time.ParseDuration(s)
	switch {
	case d.off && (s == "off" || err == nil && v == 0):
		d.value = 0
		return nil
	case err == nil && v >= d.min:
		d.value = v
		return nil
	}
	what := "a time such as 500ms, 30s or 5m"
	if err == nil {
		what = fmt.Sprintf("a time of at least %v", d.min)
	}
	if d.off {
		what += ", or off"
	}
	return errors.New("want " + what)
}

// permissions is a flag that takes the mode of a file.
type permissions fs.FileMode

func (m *permissions) Type() string { return "MODE" }

func (m *permissions) String() string {
	if *m == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", *m)
}

func (m *permissions) Set(s string) error {
	v, err := strconv.ParseUint(s, 8, 32)
	if err != nil || v == 0 || v > uint64(fs.ModePerm) {
		return errors.New("want permissions in octal, such as 0600 or 0666")
	}
	*m = permissions(v)
	return nil
}

// socketPath is a flag that takes the path of a socket's file.
type socketPath string

func (p *socketPath) Type() string { return "PATH" }

func (p *socketPath) String() string { return string(*p) }

func (p *socketPath) Set(s string) error {
	if s == "" || s[0] == '@' {
		return errors.New("want the path of a socket file, such as /run/iomux.takeover")
	}
	*p = socketPath(s)
	return nil
}
