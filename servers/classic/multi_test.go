//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"io"
	"testing"
	"time"

	"example.com/iomux/servers/socketserver"
)

// All three answer, again and again, from one selector.
func TestMulti(t *testing.T) {
	everywhere(t, "multi", func(t *testing.T, o Options) {
		s := begin(t, "multi", o)
		if len(s.URLs()) != 3 {
			t.Fatalf("it listens at %q", s.URLs())
		}
		for range 20 {
			for i, answer := range []string{"HELLO", "[<CTIME>] hello\n", "hello\n"} {
				c := dial(t, s, i)
				say(t, c, "hello\n")
				hearAll(t, c, answer)
			}
		}
		for i := range 3 {
			reset(t, dialTCP(t, s))
			c := dial(t, s, i)
			closeWrite(t, c)
			if _, err := io.ReadAll(c); err != nil {
				t.Error(err)
			}
		}
		if n := s.Stats().Opened; n < 60 {
			t.Errorf("it has counted %d connections", n)
		}
	})
}

// A silent client of one server holds nobody else up for long, and in mode thread not
// at all.
func TestMultiSilentClient(t *testing.T) {
	everywhere(t, "multi", func(t *testing.T, o Options) {
		if o.Mode == socketserver.Sync {
			o.IOTimeout = 50 * time.Millisecond
		}
		s := begin(t, "multi", o)
		silent := dial(t, s, 0)
		c := dial(t, s, 1)
		say(t, c, "hello\n")
		hearAll(t, c, "[<CTIME>] hello\n")
		_ = silent.Close()
	})
}

// With more requests than threads they wait for each other.
func TestMultiBusy(t *testing.T) {
	everywhere(t, "multi", func(t *testing.T, o Options) {
		if o.Mode != socketserver.Threading {
			t.Skip("this mode has one at a time")
		}
		o.MaxThreads = 1
		s := begin(t, "multi", o)
		first, second := dial(t, s, 2), dial(t, s, 2)
		say(t, second, "second")
		say(t, first, "first")
		hearAll(t, first, "first")
		hearAll(t, second, "second")
		// Those of one server are no matter of another's.
		silent, next, other := dial(t, s, 2), dial(t, s, 2), dial(t, s, 0)
		say(t, other, "other\n")
		hearAll(t, other, "OTHER")
		say(t, silent, "first")
		say(t, next, "second")
		hearAll(t, silent, "first")
		hearAll(t, next, "second")
	})
}

// Its end does not wait for a client that says nothing.
func TestMultiEnds(t *testing.T) {
	everywhere(t, "multi", func(t *testing.T, o Options) {
		s := begin(t, "multi", o)
		silent := dial(t, s, 0)
		c := dial(t, s, 2)
		if o.Mode == socketserver.Threading {
			say(t, c, "x")
			hearAll(t, c, "x")
		}
		_, _ = c.Close(), silent.Close()
	})
}
