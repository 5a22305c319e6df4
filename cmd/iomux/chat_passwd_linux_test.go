package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal a password is asked for twice, and not shown; a terminal is left as it
// was, whatever happens.
func TestChatPasswdOnATerminal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for _, c := range []struct {
		name   string
		again  string
		status int
		says   string
	}{
		{"the same", "correct horse\n", 0, ""},
		{"another", "correct house\n", 2, "not the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := onTerminal(t, nil, "chat", "passwd", file, "ann")
			term.shows("Password for ann: ")
			if state, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS); err != nil || state.Lflag&unix.ECHO != 0 {
				t.Errorf("who is asked can be seen to answer: %+v, %v", state, err)
			}
			term.types("correct horse\n")
			term.shows("Once more: ")
			term.types(c.again)
			term.shows(c.says)
			term.ends(c.status)
			if screen := term.screen.String(); strings.Contains(screen, "horse") {
				t.Errorf("the terminal got %q", screen)
			}
		})
	}
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%q, %v", text, err)
	}
	term := onTerminal(t, nil, "chat", "passwd", file, "bob")
	term.shows("Password for bob: ")
	if err := term.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	term.ends(1)
	state, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
	if err != nil || state.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal shows nothing any more: %+v, %v", state, err)
	}
}
