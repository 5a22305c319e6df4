//go:build linux

package iomux_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// What each condition of a descriptor looks like, on Linux, on every backend
// and for each interest: the table of Python's selectors, measured there on
// poll and epoll, with the raw bits. Every backend must find in it what poll(2)
// says, but for the differences that stand beside a row.

// found is what is found under the interests Readable, Writable and both.
type found [3]iomux.Events

var interests = [3]iomux.Events{R, W, RW}

var (
	idle     = found{0, W, W}
	both     = found{R, W, RW}
	nothing  = found{}
	readable = found{R, 0, R}
)

// kq is what kqueue's two filters say: the bits of EVFILT_READ and EVFILT_WRITE.
type kq struct{ r, w iomux.Raw }

const (
	in, pri, out = iomux.RawIn, iomux.RawPri, iomux.RawOut
	fail, hup    = iomux.RawErr, iomux.RawHup
	nval, rdhup  = iomux.RawNval, iomux.RawRdHup
)

type condition struct {
	name string
	make func(*fixture) (fd int)
	raw  iomux.Raw // poll(2), all asked for
	want found     // poll and epoll, and the rest unless noted
	kq   kq        // kqueue's raw bits

	// The differences.
	kqWant  *found     // kqueue finds this
	selWant *found     // select finds this
	epoll   unix.Errno // epoll does not take it
	lib     unix.Errno // nor does libkqueue
}

var conditions = []condition{
	{name: "idle stream", make: func(f *fixture) int {
		a, _ := f.pair()
		return a
	}, raw: out, want: idle, kq: kq{0, out}},

	{name: "data", make: func(f *fixture) int {
		a, b := f.pair()
		f.write(b, "x")
		return a
	}, raw: in | out, want: both, kq: kq{in, out}},

	{name: "data and no room", make: func(f *fixture) int {
		a, b := f.pair()
		f.write(b, "x")
		f.fill(a)
		return a
	}, raw: in, want: readable, kq: kq{in, 0}},

	{name: "no room", make: func(f *fixture) int {
		a, _ := f.pair()
		f.fill(a)
		return a
	}, raw: 0, want: nothing},

	{name: "unix peer closed", make: func(f *fixture) int {
		a, b := f.pair()
		f.close(b)
		return a
	}, raw: in | out | hup | rdhup, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "unix peer closed, unread data", make: func(f *fixture) int {
		a, b := f.pair()
		f.write(b, "x")
		f.close(b)
		return a
	}, raw: in | out | hup | rdhup, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "unix peer closed and never read", make: func(f *fixture) int {
		a, b := f.pair()
		f.write(a, "x")
		f.close(b)
		return a
	}, raw: in | out | fail | hup | rdhup, want: both, kq: kq{in | rdhup | fail, out | hup | fail}},

	{name: "unix peer half-closed", make: func(f *fixture) int {
		a, b := f.pair()
		f.check(unix.Shutdown(b, unix.SHUT_WR))
		return a
	}, raw: in | out | rdhup, want: both, kq: kq{in | rdhup, out}},

	{name: "TCP peer half-closed", make: func(f *fixture) int {
		a, b := tcpPair(f)
		f.check(unix.Shutdown(b, unix.SHUT_WR))
		return settled(f, a, unix.POLLIN)
	}, raw: in | out | rdhup, want: both, kq: kq{in | rdhup, out}},

	{name: "TCP peer closed", make: func(f *fixture) int {
		a, b := tcpPair(f)
		f.close(b)
		return settled(f, a, unix.POLLIN)
	}, raw: in | out | rdhup, want: both, kq: kq{in | rdhup, out}},

	{name: "own SHUT_WR", make: func(f *fixture) int {
		a, _ := f.pair()
		f.check(unix.Shutdown(a, unix.SHUT_WR))
		return a
	}, raw: out, want: idle, kq: kq{0, out}},

	{name: "own SHUT_RD", make: func(f *fixture) int {
		a, _ := f.pair()
		f.check(unix.Shutdown(a, unix.SHUT_RD))
		return a
	}, raw: in | out | rdhup, want: both, kq: kq{in | rdhup, out}},

	{name: "own SHUT_RDWR", make: func(f *fixture) int {
		a, _ := f.pair()
		f.check(unix.Shutdown(a, unix.SHUT_RDWR))
		return a
	}, raw: in | out | hup | rdhup, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "own SHUT_RDWR, no room", make: func(f *fixture) int { // found by FuzzPollersAgree
		a, _ := f.pair()
		f.fill(a)
		f.check(unix.Shutdown(a, unix.SHUT_RDWR))
		return a
		// Linux's select does not count a hang-up as room for writing.
	}, raw: in | hup | rdhup, want: both, selWant: &readable, kq: kq{in | rdhup, out | hup}},

	{name: "TCP reset", make: func(f *fixture) int {
		a, b := tcpPair(f)
		f.check(unix.SetsockoptLinger(b, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		f.close(b)
		return settled(f, a, unix.POLLIN)
	}, raw: in | out | fail | hup | rdhup, want: both, kq: kq{in | rdhup | fail, out | hup | fail}},

	{name: "connect refused", make: func(f *fixture) int {
		_, address := listener(f, unix.SOCK_STREAM)
		// Bound, but no longer listening.
		for fd := range f.open {
			f.close(fd)
		}
		fd := socket(f, unix.SOCK_STREAM)
		if err := unix.Connect(fd, address); err != unix.EINPROGRESS && err != unix.ECONNREFUSED {
			f.Fatal(err)
		}
		return settled(f, fd, unix.POLLIN)
	}, raw: in | out | fail | hup | rdhup, want: both, kq: kq{in | rdhup | fail, out | hup | fail}},

	{name: "TCP socket never connected", make: func(f *fixture) int {
		return socket(f, unix.SOCK_STREAM)
	}, raw: out | hup, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "pipe, idle read end", make: func(f *fixture) int {
		r, _ := f.pipe()
		return r
	}, raw: 0, want: nothing},

	{name: "pipe, idle write end", make: func(f *fixture) int {
		_, w := f.pipe()
		return w
	}, raw: out, want: idle, kq: kq{0, out}},

	{name: "pipe read end, writer gone", make: func(f *fixture) int {
		r, w := f.pipe()
		f.close(w)
		return r
		// Python's table has only this row in which select differs.
	}, raw: hup, want: both, selWant: &readable, kq: kq{in | rdhup, out | hup}},

	{name: "pipe read end, writer gone, unread data", make: func(f *fixture) int {
		r, w := f.pipe()
		f.write(w, "x")
		f.close(w)
		return r
	}, raw: in | hup, want: both, selWant: &readable, kq: kq{in | rdhup, out | hup}},

	{name: "pipe write end, reader gone", make: func(f *fixture) int {
		r, w := f.pipe()
		f.close(r)
		return w
	}, raw: out | fail, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "full pipe, reader gone", make: func(f *fixture) int {
		r, w := f.pipe()
		f.fill(w)
		f.close(r)
		return w
	}, raw: fail, want: both, kq: kq{in | rdhup, out | hup}},

	{name: "FIFO reader, no writer yet", make: func(f *fixture) int {
		name := filepath.Join(f.TempDir(), "fifo")
		f.check(unix.Mkfifo(name, 0o600))
		return openFile(f, name, unix.O_RDONLY|unix.O_NONBLOCK)
	}, raw: 0, want: nothing},

	{name: "TCP out-of-band byte", make: func(f *fixture) int {
		// Urgent data is not an event unless one asks for Priority.
		a, b := tcpPair(f)
		f.check(unix.Sendto(b, []byte("!"), unix.MSG_OOB, nil))
		return settled(f, a, unix.POLLPRI)
	}, raw: pri | out, want: idle, kq: kq{0, out}},

	{name: "listener, idle", make: func(f *fixture) int {
		fd, _ := listener(f, unix.SOCK_STREAM)
		return fd
	}, raw: 0, want: nothing},

	{name: "listener, pending", make: func(f *fixture) int {
		fd, address := listener(f, unix.SOCK_STREAM)
		if err := unix.Connect(socket(f, unix.SOCK_STREAM), address); err != nil && err != unix.EINPROGRESS {
			f.Fatal(err)
		}
		return settled(f, fd, unix.POLLIN)
	}, raw: in, want: readable, kq: kq{in, 0}},

	{name: "UDP, idle", make: func(f *fixture) int {
		fd, _ := listener(f, unix.SOCK_DGRAM)
		return fd
	}, raw: out, want: idle, kq: kq{0, out}},

	{name: "UDP, datagram", make: func(f *fixture) int {
		fd, address := listener(f, unix.SOCK_DGRAM)
		f.check(unix.Sendto(socket(f, unix.SOCK_DGRAM), []byte("x"), 0, address))
		return settled(f, fd, unix.POLLIN)
	}, raw: in | out, want: both, kq: kq{in, out}},

	{name: "UDP, empty datagram", make: func(f *fixture) int {
		fd, address := listener(f, unix.SOCK_DGRAM)
		f.check(unix.Sendto(socket(f, unix.SOCK_DGRAM), nil, 0, address))
		return settled(f, fd, unix.POLLIN)
	}, raw: in | out, want: both, kq: kq{in, out}},

	{name: "UDP, ICMP refused", make: func(f *fixture) int {
		gone, address := listener(f, unix.SOCK_DGRAM)
		f.close(gone)
		fd := socket(f, unix.SOCK_DGRAM)
		f.check(unix.Connect(fd, address))
		f.write(fd, "x")
		return settled(f, fd, unix.POLLERR)
	}, raw: out | fail, want: both, kq: kq{in, out}},

	{name: "regular file", make: func(f *fixture) int {
		name := filepath.Join(f.TempDir(), "file")
		f.check(os.WriteFile(name, []byte("x"), 0o600))
		return openFile(f, name, unix.O_RDWR)
	}, raw: in | out, want: both, kq: kq{in, out}, epoll: unix.EPERM},

	{name: "directory", make: func(f *fixture) int {
		return openFile(f, f.TempDir(), unix.O_RDONLY)
	}, raw: in | out, want: both, kq: kq{in, out}, epoll: unix.EPERM, lib: unix.EBADF},

	{name: "/dev/null", make: func(f *fixture) int {
		return openFile(f, "/dev/null", unix.O_RDWR)
	}, raw: in | out, want: both, kq: kq{in, out}, epoll: unix.EPERM, lib: unix.EPERM},

	{name: "eventfd, zero", make: func(f *fixture) int {
		return eventfd(f, 0)
	}, raw: out, want: idle, kq: kq{0, out}},

	{name: "eventfd, not zero", make: func(f *fixture) int {
		return eventfd(f, 5)
	}, raw: in | out, want: both, kq: kq{in, out}},

	{name: "timerfd, expired", make: func(f *fixture) int {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		f.check(err)
		f.check(unix.TimerfdSettime(f.owns(fd), 0, &unix.ItimerSpec{Value: unix.Timespec{Nsec: 1}}, nil))
		return settled(f, fd, unix.POLLIN)
	}, raw: in, want: readable, kq: kq{in, 0}},
}

func TestReadiness(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			for _, c := range conditions {
				t.Run(c.name, func(t *testing.T) {
					f := newFixture(t, b)
					fd := c.make(f)
					f.pollSays(fd, c.raw)
					if b == iomux.Epoll && c.epoll != 0 {
						f.refused(fd, 0, RW, c.epoll, os.ErrPermission)
						f.quiet()
						return
					}
					lib := b == iomux.Kqueue && kqueueTakesSocketError
					if lib && c.lib != 0 {
						f.refused(fd, 0, RW, c.lib)
						f.quiet()
						return
					}
					want := c.want
					switch {
					case b == iomux.Select && c.selWant != nil:
						want = *c.selWant
					case b == iomux.Kqueue && c.kqWant != nil:
						want = *c.kqWant
					}
					for i, asked := range interests {
						f.update(fd, 0, asked)
						raw := c.bits(b, asked)
						// A second time too: nothing of this was an edge.
						for range 2 {
							got := f.wait(8, 0)
							if lib { // it shows an error elsewhere, and only once
								if raw != 0 && i == 0 && (len(got) != 1 || got[0].Events&asked != want[i]) {
									t.Errorf("asked for %v: %v, want %v", asked, got, want[i])
								}
								break
							}
							switch {
							case raw == 0 && len(got) != 0,
								raw != 0 && (len(got) != 1 || got[0].FD != fd || got[0].Raw != raw):
								t.Errorf("asked for %v: %v, want raw bits %v", asked, got, raw)
							case raw != 0 && got[0].Events&asked != want[i]:
								t.Errorf("asked for %v: %v of %v, want %v", asked, got[0].Events&asked, got[0], want[i])
							case raw == 0 && want[i] != 0:
								t.Errorf("the table contradicts itself at %v", asked)
							}
						}
						f.update(fd, asked, 0)
						f.quiet()
					}
				})
			}
		})
	}
}

// bits is which of the raw bits a backend passes on of those that hold.
func (c condition) bits(b iomux.Backend, asked iomux.Events) (raw iomux.Raw) {
	switch b {
	case iomux.Epoll, iomux.Poll: // errors and hang-ups come unasked
		raw = fail | hup | nval
		if asked&R != 0 {
			raw |= in | rdhup
		}
		if asked&W != 0 {
			raw |= out
		}
		raw &= c.raw
	case iomux.Select: // only three bits, and poll's others lie under them
		if asked&R != 0 && c.raw&(in|hup|fail) != 0 {
			raw |= in
		}
		if asked&W != 0 && c.raw&(out|fail) != 0 {
			raw |= out
		}
	case iomux.Kqueue:
		if asked&R != 0 {
			raw |= c.kq.r
		}
		if asked&W != 0 {
			raw |= c.kq.w
		}
	}
	return raw
}

// pollSays asks poll(2) itself, so that a row is checked before the pollers are.
func (f *fixture) pollSays(fd int, want iomux.Raw) {
	f.Helper()
	if got := f.pollBits(fd); got != want {
		f.Fatalf("poll says %v, the table %v", got, want)
	}
}

// pollBits is what poll(2) says of fd when asked for everything.
func (f *fixture) pollBits(fd int) iomux.Raw {
	f.Helper()
	ask := []unix.PollFd{{Fd: int32(fd), Events: int16(in | out | pri | rdhup)}}
	for {
		_, err := unix.Poll(ask, 0)
		if err != unix.EINTR {
			f.check(err)
			return iomux.Raw(uint16(ask[0].Revents))
		}
	}
}

// settled waits until the kernel has got round to what was done.
func settled(f *fixture, fd int, event int16) int {
	f.Helper()
	for range 1000 { // in case of signals
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: event}}, int(generous/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		f.check(err)
		if n > 0 {
			return fd
		}
		break
	}
	f.Fatalf("%d never showed %v", fd, iomux.Raw(event))
	return -1
}

func socket(f *fixture, kind int) int {
	f.Helper()
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	f.check(err)
	return f.owns(fd)
}

// listener is a bound socket on the loopback, and where it is.
func listener(f *fixture, kind int) (int, unix.Sockaddr) {
	f.Helper()
	fd := socket(f, kind)
	f.check(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if kind == unix.SOCK_STREAM {
		f.check(unix.Listen(fd, 8))
	}
	address, err := unix.Getsockname(fd)
	f.check(err)
	return fd, address
}

func tcpPair(f *fixture) (a, b int) {
	f.Helper()
	l, address := listener(f, unix.SOCK_STREAM)
	a = socket(f, unix.SOCK_STREAM)
	if err := unix.Connect(a, address); err != nil && err != unix.EINPROGRESS {
		f.Fatal(err)
	}
	settled(f, l, unix.POLLIN)
	b, _, errno := sys.Accept(l)
	if errno != 0 {
		f.Fatal(errno)
	}
	f.close(l)
	return settled(f, a, unix.POLLOUT), f.owns(b)
}

func openFile(f *fixture, name string, mode int) int {
	f.Helper()
	fd, err := unix.Open(name, mode|unix.O_CLOEXEC, 0)
	f.check(err)
	return f.owns(fd)
}

func eventfd(f *fixture, count uint) int {
	f.Helper()
	fd, err := unix.Eventfd(count, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	f.check(err)
	return f.owns(fd)
}

// Priority is the one condition that must be asked for to be seen.
func TestReadinessPriority(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			f := newFixture(t, b)
			a, peer := tcpPair(f)
			if traits[b].supported&iomux.Priority == 0 {
				f.refused(a, 0, R|iomux.Priority, errUnsupported)
				f.update(a, 0, R)
				f.refused(a, R, R|iomux.Priority, errUnsupported)
				f.write(peer, "x")
				settled(f, a, unix.POLLIN)
				f.expect(R, interest{a: R}) // the old interest is in force
				return
			}
			f.update(a, 0, iomux.Priority)
			f.write(peer, "x")
			settled(f, a, unix.POLLIN)
			f.quiet()
			f.check(unix.Sendto(peer, []byte("!"), unix.MSG_OOB, nil))
			settled(f, a, unix.POLLPRI)
			f.expect(RW|iomux.Priority, interest{a: iomux.Priority})
			f.update(a, iomux.Priority, RW|iomux.Priority)
			f.expect(RW|iomux.Priority, interest{a: RW | iomux.Priority})
			f.update(a, RW|iomux.Priority, RW)
			f.expect(RW|iomux.Priority, interest{a: RW})
		})
	}
}

// The condition may also come while the wait is blocked, and then looks the same.
func TestReadinessWhileBlocked(t *testing.T) {
	for _, b := range iomux.Backends() {
		for i, c := range []struct {
			name     string
			ask      iomux.Events
			do       func(f *fixture, peer int)
			raw, kq  iomux.Raw
			onSelect iomux.Raw
		}{
			{"data", R, func(f *fixture, peer int) { f.write(peer, "x") }, in, in, in},
			{"half-close", R, func(f *fixture, peer int) { f.check(unix.Shutdown(peer, unix.SHUT_WR)) }, in | rdhup, in | rdhup, in},
			{"close", R, func(f *fixture, peer int) { f.close(peer) }, in | hup | rdhup, in | rdhup, in},
			{"room", W, func(f *fixture, peer int) { f.drain(peer) }, out, out, out},
		} {
			t.Run(fmt.Sprintf("%s/%s", b, c.name), func(t *testing.T) {
				f := newFixture(t, b)
				a, peer := f.pair()
				if c.ask == W {
					f.fill(a)
				}
				f.update(a, 0, c.ask)
				got := f.during(iomux.Forever, func() { c.do(f, peer) })
				want := c.raw
				switch b {
				case iomux.Select:
					want = c.onSelect
				case iomux.Kqueue:
					want = c.kq
				}
				if len(got) != 1 || got[0].FD != a || got[0].Raw != want {
					t.Errorf("row %d: %v, want %v", i, got, want)
				}
			})
		}
	}
}
