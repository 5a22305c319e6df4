//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"fmt"
	"runtime"
	"slices"

	"example.com/iomux"
)

// Backend is what waits, and how.
type Backend string

// The backends of the studies, those of the reactor and one more.
const (
	Epoll     Backend = "epoll"
	EpollEdge Backend = "epoll-edge" // edge-triggered, on a small loop of its own
	Kqueue    Backend = "kqueue"
	Poll      Backend = "poll"
	Select    Backend = "select"
)

// Names are all of them, in the order in which they are compared.
func Names() []string {
	return []string{string(Epoll), string(EpollEdge), string(Poll), string(Select), string(Kqueue)}
}

// Here reports whether a backend works here, and why not.
func (b Backend) Here() error {
	if !slices.Contains(Names(), string(b)) {
		return fmt.Errorf("there is no backend %q", string(b))
	}
	restore := b.Prepare()
	defer restore()
	p, err := iomux.Open(b.poller())
	if err != nil {
		return err
	}
	return p.Close()
}

// Default is the best that works here.
func Default() Backend {
	for _, b := range []Backend{Epoll, Kqueue, Poll, Select} {
		if b.Here() == nil {
			return b
		}
	}
	return Poll
}

// poller is the backend as iomux has it.
func (b Backend) poller() iomux.Backend {
	if b == EpollEdge {
		return iomux.Epoll
	}
	return iomux.Backend(b)
}

// Simulated reports whether the backend is not the kernel's here.
func (b Backend) Simulated() bool { return b == Kqueue && simulated }

// About says in a line or two what the reader should know of a backend.
func (b Backend) About() string {
	switch {
	case b.Simulated():
		return "kqueue: " + runtime.GOOS + " has none. A simulation in Go plays the kernel, over poll; its own calls, where\n" +
			"they are shown, are set in below the kevent that they stand for, and would not be there on a BSD."
	case b == EpollEdge:
		return "epoll-edge: the reactor itself is level-triggered. This is a small edge-triggered loop that was written to\n" +
			"be compared with it, on the same selector."
	}
	return ""
}
