//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// What Data left unused before a pause comes to it again before the peer's end does,
// or that of the group, whichever the loop learns first.
func TestResumeBeforeTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, drain := range []bool{false, true} {
			got, ended := "", error(nil)
			l, peer := turnByHand(t, o, handler{
				data: func(c *Conn, p []byte) int {
					if got != "" {
						got += string(p)
						return len(p)
					}
					got += string(p[:1])
					c.PauseReading()
					return 1
				},
				closed: func(_ *Conn, err error) { ended = err },
			})
			c := l.conns[0]
			if _, err := unix.Write(peer, []byte("abc")); err != nil {
				t.Fatal(err)
			}
			l.turn()
			if got != "a" || !c.paused {
				t.Fatalf("got %q, paused: %v", got, c.paused)
			}
			if !drain {
				if err := unix.Shutdown(peer, unix.SHUT_WR); err != nil {
					t.Fatal(err)
				}
			}
			_ = l.Post(c.ResumeReading)
			if drain {
				_ = l.post(posted{c, c.drain})
			}
			for range 3 {
				_ = l.Post(func() {}) // so that the wait does not block
				l.turn()
			}
			if got != "abc" {
				t.Errorf("drain %v: got %q, want all", drain, got)
			}
			if !drain && (c.fd >= 0 || !errors.Is(ended, io.EOF)) || drain && c.state == connOpen {
				t.Errorf("drain %v: closed with %v, the state is %d", drain, ended, c.state)
			}
		}
	})
}

// The same over TLS, whose end is a record.
func TestTLSResumeBeforeTheEnd(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		got, ended := "", error(nil)
		l, c, peer := tlsByHand(t, o, handler{
			data: func(c *Conn, p []byte) int {
				if got == "" {
					c.PauseReading()
					p = p[:1]
				}
				got += string(p)
				return len(p)
			},
			closed: func(_ *Conn, err error) { ended = err },
		})
		session := shake(t, l, c, peer, client)
		_, _ = io.WriteString(session, "abc")
		for got == "" {
			l.turn()
		}
		_ = session.CloseWrite()
		_ = l.Post(c.ResumeReading)
		for range 4 {
			_ = l.Post(func() {}) // so that the wait does not block
			l.turn()
		}
		if got != "abc" || c.fd >= 0 || !errors.Is(ended, io.EOF) {
			t.Errorf("got %q, closed with %v", got, ended)
		}
	})
}

// A handler that pauses after each message does not get more and more to keep: what it
// had left comes to it before the socket is read again.
func TestResumeReadsNothingNew(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		used := 0
		l, peer := turnByHand(t, o, handler{data: func(c *Conn, _ []byte) int {
			used++
			c.PauseReading()
			return 1
		}})
		c := l.conns[0]
		if err := unix.SetNonblock(peer, true); err != nil {
			t.Fatal(err)
		}
		most, chunk := 0, make([]byte, 64<<10)
		for range 20 {
			_, _ = unix.Write(peer, chunk) // as much as there is room for
			l.After(0, c.ResumeReading)    // as a timer does, between two batches
			l.turn()
			if c.in != nil {
				most = max(most, len(c.in.buf))
			}
		}
		if used < 10 || most == 0 || most > len(l.readBuf) {
			t.Errorf("%d messages were used, and up to %d bytes kept, more than one read of %d brings", used, most, len(l.readBuf))
		}
	})
}

// A handler that pauses and resumes does not get past the marks: what it had left waits
// until the peer has taken what was written, as what is in the socket does.
func TestResumeKeepsTheMarks(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater = 20_000, 5_000
		used, answer := 0, make([]byte, 1000)
		l, peer := turnByHand(t, o, handler{data: func(c *Conn, _ []byte) int {
			used++
			_, _ = c.Write(answer)
			c.PauseReading()
			return 1
		}})
		c := l.conns[0]
		if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
			t.Fatal(err)
		}
		const messages = 400
		if _, err := unix.Write(peer, make([]byte, messages)); err != nil {
			t.Fatal(err)
		}
		most := 0
		turn := func() {
			l.After(0, c.ResumeReading)
			l.turn()
			most = max(most, c.Buffered())
		}
		for range messages {
			turn()
		}
		if !c.choked || used == messages {
			t.Fatalf("%d messages were used, choked: %v: too few to test anything", used, c.choked)
		}
		if err := unix.SetNonblock(peer, true); err != nil {
			t.Fatal(err)
		}
		for buf := make([]byte, 64<<10); used < messages; turn() {
			_, _ = unix.Read(peer, buf)
		}
		if limit := o.HighWater + 2*len(answer); most > limit {
			t.Errorf("up to %d bytes waited, want at most %d", most, limit)
		}
	})
}
