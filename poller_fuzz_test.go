//go:build linux

package iomux_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// FuzzPollersAgree runs one script of changes, writes, reads and closes on
// descriptors that all backends watch at once. After each step all must find the
// same descriptors ready, with the same events of those that were asked for.
//
// A script is a list of pairs of bytes: what to do, and to which of the
// descriptors. The differences that are right (see conditions) are folded in
// fold, and nowhere else.
func FuzzPollersAgree(f *testing.F) {
	for _, s := range []string{
		"",
		"r0 w1 b2 r6 w7",                      // an interest in each kind
		"r0 s1 s1 1r R0 r0 s1 0w",             // level, read by and by
		"b0 s1 c1 R0 u0 b0",                   // end behind data
		"b0 h1 s0 R1 h0 c1",                   // half-closes from both sides
		"b0 s0 c1 b4 x4 c5",                   // unread data makes a reset; own end shut
		"w0 f0 R1 f0 c1",                      // full, drained, full, gone
		"r6 b6 w6 s7 c7 R6",                   // a pipe whose writer goes, for each interest
		"w7 b7 f7 R6 f7 c6",                   // a pipe whose reader goes
		"b0 b1 b2 b3 b4 b5 b6 b7 f1 f7 c0 c6", // all at once
		"b0 d0 s1 n0 r0 s1 d0 n0 b0",          // closed after its removal, the number made anew
		"b0 f0 x0 R1 c1",                      // hung up with no room left
		"r6 s7 w6 u6 w6 b6 c7 w6 r6",
	} {
		f.Add([]byte(strings.ReplaceAll(s, " ", "")))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWatched(t)
		for i := 0; i+1 < len(script) && i < 2*200; i += 2 {
			step := fmt.Sprintf("step %d of %q", i/2, script)
			w.do(step, script[i], int(script[i+1])%len(w.ends))
			w.compare(step)
		}
	})
}

// end is one end of a socket pair or a pipe.
type end struct {
	fd     int // -1 once closed
	peer   int // its index
	asked  iomux.Events
	pipe   bool
	writes bool // may be written to
	reads  bool
}

// watched is a set of ends that every backend watches.
type watched struct {
	*fixture
	ends    []end
	pollers map[iomux.Backend]iomux.Poller
}

func newWatched(t *testing.T) *watched {
	w := &watched{fixture: &fixture{T: t, open: map[int]bool{}}, pollers: map[iomux.Backend]iomux.Poller{}}
	t.Cleanup(func() {
		for fd := range w.open {
			w.check(unix.Close(fd))
		}
	})
	for _, b := range iomux.Backends() {
		p, err := iomux.Open(b)
		w.check(err)
		t.Cleanup(func() { w.check(p.Close()) })
		w.pollers[b] = p
	}
	for range 3 {
		w.ends = append(w.ends, end{fd: -1, reads: true, writes: true}, end{fd: -1, reads: true, writes: true})
	}
	w.ends = append(w.ends, end{fd: -1, pipe: true, reads: true}, end{fd: -1, pipe: true, writes: true})
	for i := range w.ends {
		w.ends[i].peer = i ^ 1
	}
	for i := 0; i < len(w.ends); i += 2 {
		w.renew(i)
	}
	return w
}

// do takes one step. What makes no sense is left out.
func (w *watched) do(step string, what byte, i int) {
	w.Helper()
	e := &w.ends[i]
	if e.fd < 0 && what != 'n' {
		return
	}
	switch what {
	case 'r':
		w.ask(step, e, R)
	case 'w':
		w.ask(step, e, W)
	case 'b':
		w.ask(step, e, RW)
	case 'u':
		w.ask(step, e, 0)
	case 's': // send one byte
		if e.writes {
			_, err := unix.Write(e.fd, []byte("x"))
			w.tolerate(err)
		}
	case 'f':
		if e.writes {
			for err := error(nil); err == nil; {
				_, err = unix.Write(e.fd, make([]byte, 4096))
				w.tolerate(err)
			}
		}
	case '1': // receive one byte
		if e.reads {
			_, err := unix.Read(e.fd, make([]byte, 1))
			w.tolerate(err)
		}
	case 'R':
		if e.reads {
			for n := 1; n > 0; {
				var err error
				n, err = unix.Read(e.fd, make([]byte, 1<<16))
				w.tolerate(err)
			}
		}
	case 'h':
		if !e.pipe {
			w.tolerate(unix.Shutdown(e.fd, unix.SHUT_WR))
		}
	case 'H':
		if !e.pipe {
			w.tolerate(unix.Shutdown(e.fd, unix.SHUT_RD))
		}
	case 'x':
		if !e.pipe {
			w.tolerate(unix.Shutdown(e.fd, unix.SHUT_RDWR))
		}
	case 'c', 'd': // without its removal, what is right differs: see lifecycleClauses
		w.ask(step, e, 0)
		w.close(e.fd)
		e.fd = -1
	case 'n':
		w.renew(i &^ 1)
	}
}

// renew replaces a pair of ends by a fresh one, on numbers as they come.
func (w *watched) renew(i int) {
	w.Helper()
	for j := i; j <= i+1; j++ {
		if e := &w.ends[j]; e.fd >= 0 {
			w.ask("renew", e, 0)
			w.close(e.fd)
		}
	}
	if w.ends[i].pipe {
		w.ends[i].fd, w.ends[i+1].fd = w.pipe()
	} else {
		w.ends[i].fd, w.ends[i+1].fd = w.pair()
	}
}

// tolerate lets pass what a write or read may well say here.
func (w *watched) tolerate(err error) {
	w.Helper()
	for _, ok := range []error{unix.EAGAIN, unix.EPIPE, unix.ECONNRESET, unix.ENOTCONN} {
		if errors.Is(err, ok) {
			return
		}
	}
	w.check(err)
}

func (w *watched) ask(step string, e *end, events iomux.Events) {
	w.Helper()
	for b, p := range w.pollers {
		if err := p.Update(e.fd, e.asked, events); err != nil {
			w.Fatalf("%s: %s: %v", step, b, err)
		}
	}
	e.asked = events
}

// compare asks every backend and wants one answer.
func (w *watched) compare(step string) {
	w.Helper()
	answers := map[iomux.Backend]interest{}
	for b, p := range w.pollers {
		answers[b] = w.fold(b, w.waitOn(p, 64, 0))
	}
	want := answers[iomux.Poll]
	for b, got := range answers {
		if !maps.Equal(got, want) {
			w.Fatalf("%s: %s finds %v, poll %v, of %v", step, b, got, want, w.ends)
		}
	}
}

// fold is what was found within what was asked for, without the documented
// differences.
func (w *watched) fold(b iomux.Backend, got []iomux.Ready) interest {
	w.Helper()
	found := interest{}
	for _, r := range got {
		i := slices.IndexFunc(w.ends, func(e end) bool { return e.fd == r.FD })
		if i < 0 || w.ends[i].asked == 0 {
			w.Fatalf("%s reports %v, which nobody asked for: %v", b, r, w.ends)
		}
		e := r.Events & w.ends[i].asked
		// A hang-up without room: writable for all but Linux's select.
		if raw := w.pollBits(r.FD); raw&hup != 0 && raw&(out|fail) == 0 {
			e &^= W
		}
		if e != 0 {
			found[r.FD] = e
		}
	}
	return found
}
