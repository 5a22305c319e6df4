//go:build linux

package load

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// dial connects to addr; p, which watches nothing else yet, tells when.
func dial(p iomux.Poller, addr netip.AddrPort, patience time.Duration) (int, error) {
	fd, e := sys.Socket(unix.AF_INET)
	if e != 0 {
		return -1, os.NewSyscallError("socket", e)
	}
	if err := finish(p, fd, addr, patience); err != nil {
		sys.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", addr, err)
	}
	// A request must not wait for the acknowledgement of the one before.
	if e := sys.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); e != 0 {
		sys.Close(fd)
		return -1, os.NewSyscallError("setsockopt", e)
	}
	return fd, nil
}

func finish(p iomux.Poller, fd int, addr netip.AddrPort, patience time.Duration) error {
	err := unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())})
	if err != unix.EINPROGRESS && err != unix.EINTR {
		return err
	}
	if err := p.Update(fd, 0, iomux.Writable); err != nil {
		return err
	}
	if err := writable(p, patience); err != nil {
		return err
	}
	if err := p.Update(fd, iomux.Writable, 0); err != nil {
		return err
	}
	e, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && e != 0 {
		err = unix.Errno(e)
	}
	return err
}

// writable waits until the one descriptor that p watches is.
func writable(p iomux.Poller, patience time.Duration) error {
	var ready [1]iomux.Ready
	for deadline := time.Now().Add(patience); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		if n, err := p.Wait(ready[:], left); n == 1 || err != nil {
			return err
		}
	}
}

// timer is a timerfd, watched like any socket: it wakes the generator at the
// ends of its phases, while all its other waits have no timeout, which would
// cost each of them a kernel timer.
type timer struct{ fd int }

func newTimer() (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	return timer{fd}, os.NewSyscallError("timerfd_create", err)
}

// set makes the timer readable after d, once.
func (t timer) set(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(t.fd, 0, &spec, nil))
}
