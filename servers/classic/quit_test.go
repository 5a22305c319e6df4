//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import "testing"

// The word ends the dialogue in whatever pieces it comes, and is not sent back but for
// what came before one could know.
func TestQuitLine(t *testing.T) {
	for _, test := range []struct {
		chunks []string
		echoed string
		over   bool
	}{
		{[]string{"quit"}, "", true},
		{[]string{"quit\n"}, "", true},
		{[]string{"quit\r\n"}, "", true},
		{[]string{"hello", "quit"}, "hello", true},
		{[]string{"hello\nquit\nmore\n"}, "hello\n", true},
		{[]string{"hello\r\n", "quit\r\n"}, "hello\r\n", true},
		{[]string{"qu", "it\n"}, "qu", true},
		{[]string{"q", "u", "i", "t"}, "qui", true},
		{[]string{"hello\nqu", "it"}, "hello\nqu", true},
		{[]string{"hello", "quit\nmore"}, "helloquit\nmore", false},
		{[]string{"quitter\n"}, "quitter\n", false},
		{[]string{" quit\n", "QUIT\n", "quit \n", "quit\r\r\n", "\nquiz\n"}, " quit\nQUIT\nquit \nquit\r\r\n\nquiz\n", false},
		{[]string{"not quit\n", "quit\n"}, "not quit\n", true},
		{[]string{"a very long line that ends in quit\nquit"}, "a very long line that ends in quit\n", true},
	} {
		var line quitLine
		var echoed string
		over := false
		for _, p := range test.chunks {
			var until int
			if until, over = line.find([]byte(p)); over {
				echoed += p[:until]
				break
			}
			echoed += p
		}
		if echoed != test.echoed || over != test.over {
			t.Errorf("%q: echoed %q, over %v; want %q, %v", test.chunks, echoed, over, test.echoed, test.over)
		}
	}
}

// With exact a chunk counts, as long as it is one.
func TestQuit(t *testing.T) {
	everywhere(t, "quit", func(t *testing.T, o Options) {
		s := begin(t, "quit", o)
		c := dial(t, s, 0)
		say(t, c, "hello\nquit\nmore\n")
		hearAll(t, c, "hello\n")
		_ = c.Close()
		exact := begin(t, "quit", o, "--exact")
		c = dial(t, exact, 0)
		say(t, c, "hello\nquit\n")
		hear(t, c, "hello\nquit\n")
		say(t, c, "quit")
		hearAll(t, c, "")
	})
}
