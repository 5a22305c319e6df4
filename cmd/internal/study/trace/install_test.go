//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"sync"
	"testing"

	"example.com/iomux/internal/sys"
)

// A call that is under way when the hook is removed comes to its end nowhere.
func TestNothingComesAfterRestore(t *testing.T) {
	p := newTape()
	restore := p.Install()
	under := sys.Call{Op: sys.OpRead, FD: 7, Args: "10", Size: 10, Result: 3}
	p.begin(&under)
	restore()
	p.end(&under)
	p.call(sys.Call{Op: sys.OpClose, FD: 7})
	p.want(t)
}

// What waits for a wake-up to end is handed on in the end without it.
func TestRestoreHandsOnWhatIsHeld(t *testing.T) {
	p := opened()
	restore := p.Install()
	elsewhere(func() { p.begin(&sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8}) })
	p.call(wait(sys.Watch{FD: 4, Bits: "IN"}))
	if len(p.list) > 0 {
		t.Fatalf("handed on at once: %q", p.lines())
	}
	restore()
	p.want(t, "wait epoll_pwait(<epoll>, 512 events, forever) = 1 [<waker>: IN]")
}

// What sink uses is the caller's own behind restore; the race detector sees if not.
func TestRestoreAmidCalls(t *testing.T) {
	p := newTape()
	restore := p.Install()
	var busy, ready sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		busy.Add(1)
		ready.Add(1)
		go func() {
			defer busy.Done()
			ready.Done()
			for {
				select {
				case <-over:
					return
				default:
					p.call(sys.Call{Op: sys.OpRead, FD: 7, Args: "10", Size: 10, Result: 3})
				}
			}
		}()
	}
	ready.Wait()
	restore()
	seen := len(p.list)
	p.list = append(p.list, nil)
	close(over)
	busy.Wait()
	if len(p.list) != seen+1 {
		t.Errorf("%d records came after restore", len(p.list)-seen-1)
	}
}
