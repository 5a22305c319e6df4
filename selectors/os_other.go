//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package selectors

import (
	"errors"
	"fmt"

	"example.com/iomux"
)

// No backend is written for this system, so no poller and no selector is ever
// made; what stands here lets the package compile and New say so.

type waker struct{}

func newWaker() (*waker, error) {
	return nil, fmt.Errorf("selectors: open the waker: %w", errors.ErrUnsupported)
}

func (*waker) fd() int      { return -1 }
func (*waker) wake()        {}
func (*waker) drain()       {}
func (*waker) close() error { return nil }

func wasClosed(error) bool { return false }

func readyNow(_ int, events iomux.Events) iomux.Events { return events & iomux.Conditions }
