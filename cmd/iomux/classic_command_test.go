//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"testing"

	"example.com/iomux/servers/classic"
)

// The program becomes those that its server is allowed to run, see LaunchCommand.
func TestServeCommandRunsPrograms(t *testing.T) {
	if _, ok := classic.Find("command"); !ok {
		t.Skip("it is not among the servers")
	}
	p := startServe(t, "command", "--v2", "--as-root", "--allow", "print=/usr/bin/printf:2")
	c := dial(t, p.address())
	for _, test := range []struct {
		command, want string
		status        classic.CommandStatus
	}{
		{"echo hi", "hi\n", classic.CommandOK},
		{`print %s. '$HOME; id'`, "$HOME; id.", classic.CommandOK},
		{"print a b c", "it takes at most 2 arguments", classic.CommandRefused},
	} {
		out, status, err := classic.NewCommandClient(c, true).Run(test.command)
		if string(out) != test.want || status != test.status || err != nil {
			t.Errorf("%s: got %q, %v, %v, want %q, %v", test.command, out, status, err, test.want, test.status)
		}
	}
	c.Close()
	p.stop()
}
