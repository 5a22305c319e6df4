//go:build linux

package load

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

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
