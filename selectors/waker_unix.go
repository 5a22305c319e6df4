//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// waker is a descriptor that a selector watches beside those of its owner: an
// eventfd, or a pipe where there is none. Wake-ups between two Selects are
// coalesced into one write.
type waker struct {
	mu      sync.Mutex
	r, w    int // one and the same for an eventfd; -1 once closed
	pending bool
}

func newWaker() (*waker, error) {
	r, w, errno := openWaker()
	if errno != 0 {
		return nil, fmt.Errorf("selectors: open the waker: %w", errno)
	}
	return &waker{r: r, w: w}, nil
}

// fd is the end to watch.
func (w *waker) fd() int { return w.r }

// wake makes fd readable. The lock is held across the write so that close
// cannot give the number to somebody else under it; the write cannot block.
func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending || w.w < 0 {
		return
	}
	w.pending = true
	one := [8]byte{1} // what an eventfd wants; a pipe takes anything
	for {
		// EAGAIN means that it is readable already.
		if _, errno := sys.Write(w.w, one[:]); errno != unix.EINTR {
			return
		}
	}
}

// drain makes fd unreadable again.
func (w *waker) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = false
	var buf [64]byte
	for {
		if _, errno := sys.Read(w.r, buf[:]); errno != unix.EINTR {
			return
		}
	}
}

func (w *waker) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	errno := sys.Close(w.r)
	if w.w != w.r {
		errno = max(errno, sys.Close(w.w))
	}
	w.r, w.w = -1, -1
	if errno != 0 {
		return fmt.Errorf("selectors: close the waker: %w", errno)
	}
	return nil
}
