//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"strings"
	"testing"

	"example.com/iomux"
)

func TestBackendsTable(t *testing.T) {
	r := call(t, "", "backends")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	usable := iomux.Backends()
	rows := map[string][]string{}
	for line := range strings.Lines(r.stdout) {
		if fields := strings.Fields(line); len(fields) > 4 {
			rows[fields[0]] = fields[1:]
		}
	}
	for _, b := range knownBackends {
		row := rows[string(b)]
		if row == nil {
			t.Errorf("%s is missing:\n%s", b, r.stdout)
			continue
		}
		works, wait, chosen, why := row[0], row[1], row[2], strings.Join(row[3:], " ")
		switch err := opens(b); {
		case err != nil && (works != "no" || wait != "-" || chosen != "-" || !strings.Contains(why, oneLine(err))):
			t.Errorf("%s does not work (%v): %q", b, err, row)
		case err == nil && works != "yes":
			t.Errorf("%s works: %q", b, row)
		case err == nil && (b == iomux.Epoll || b == iomux.Kqueue) != (wait == "fair"):
			t.Errorf("%s: wait mode is %s", b, wait)
		}
		if (chosen == "yes") != (b == usable[0]) {
			t.Errorf("%s: chosen is %q, the best is %s", b, chosen, usable[0])
		}
	}
}
