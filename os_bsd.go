//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package iomux

// openers lists this system's backends, best first.
func openers() []opener {
	return []opener{{Kqueue, openKqueue}, {Poll, openPoll}, {Select, openSelect}}
}

// pollRdHup is empty: only FreeBSD has POLLRDHUP, with a value of its own.
const pollRdHup = 0
