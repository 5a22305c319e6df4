package iomux

import "time"

// deadline holds a Wait to its timeout across signals and across system calls
// that can sleep only for a shorter time: the poller asks left after each empty
// return and waits again for what is left, as Python does since PEP 475.
type deadline struct {
	timeout time.Duration // Forever, 0, or positive
	end     time.Time     // set when timeout is positive and finite
}

func newDeadline(timeout time.Duration) deadline {
	switch {
	case timeout <= 0:
		return deadline{}
	case timeout == Forever:
		return deadline{timeout: Forever}
	}
	return deadline{timeout: timeout, end: time.Now().Add(timeout)}
}

// left returns how long to wait still; more is false when the time is up.
func (d *deadline) left() (remaining time.Duration, more bool) {
	if d.end.IsZero() {
		return d.timeout, d.timeout == Forever
	}
	remaining = time.Until(d.end)
	return remaining, remaining > 0
}
