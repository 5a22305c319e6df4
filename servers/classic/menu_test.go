//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"net"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// A line end belongs to the choice before it, whenever it comes.
func TestMenuLines(t *testing.T) {
	for _, test := range []struct {
		name   string
		chunks []string // each is answered before the next is sent, unless the answer is ""
		heard  []string
	}{
		{"lines", []string{"0\n", "1xxx\r\n", "\n", "0\r\n"}, []string{menuHuman, menuAgain, menuAgain, menuHuman}},
		{"pipelined", []string{"0\n0\r\n1\n"}, []string{menuHuman + menuHuman + menuAgain}},
		{"no line ends", []string{"0", "0", "00"}, []string{menuHuman, menuHuman, menuAgain}},
		{"a line end by itself", []string{"0", "\r\n0\n"}, []string{menuHuman, menuHuman}},
		{"two of them", []string{"0", "\n\n"}, []string{menuHuman, menuAgain}},
		{"bytes", []string{"\xff\x00\n"}, []string{menuAgain}},
	} {
		t.Run(test.name, func(t *testing.T) {
			everywhere(t, "menu", func(t *testing.T, o Options) {
				c := dial(t, begin(t, "menu", o), 0)
				hear(t, c, menuGreeting)
				for i, p := range test.chunks {
					say(t, c, p)
					hear(t, c, test.heard[i])
				}
				say(t, c, "exit\nmore\n")
				hearAll(t, c, "")
			})
		})
	}
}

// The transcript shows who calls, and that the loop goes round.
func TestMenuTranscript(t *testing.T) {
	leaktest.Check(t)
	out := &paper{}
	s := begin(t, "menu", Options{Transcript: out}, "-tick", "1ms")
	out.wait(t, "looping\nlooping\n")
	c := dial(t, s, 0)
	hear(t, c, menuGreeting)
	host, port, _ := net.SplitHostPort(c.LocalAddr().String())
	out.wait(t, "get request\n")
	out.wait(t, "('"+host+"', "+port+")\n")
	if lines := out.String(); strings.Trim(strings.ReplaceAll(lines, "looping\n", ""), "\n") != "get request\n('"+host+"', "+port+")" {
		t.Errorf("it says:\n%s", lines)
	}
}

// A caller that says nothing is let go in time.
func TestMenuIdle(t *testing.T) {
	leaktest.Check(t)
	var o Options
	o.Reactor.Timeouts.Idle = 20 * time.Millisecond
	hearAll(t, dial(t, begin(t, "menu", o), 0), menuGreeting)
}
