package selectors

import (
	"fmt"
	"slices"
	"time"

	"example.com/iomux"
)

// Select waits until a registered descriptor is ready, for at most timeout (see
// iomux.Forever; zero or less polls), and returns the keys that are, one entry a
// descriptor. The slice is the selector's own and good until the next Select.
// An empty one means that the time is up or that Wake was called. Errors:
// ErrClosed, ErrBusy, and the poller's.
func (s *Selector[T]) Select(timeout time.Duration) ([]Ready[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	// All that is ready is to fit: the waker too, and on kqueue an event for each
	// of a key's two filters (CPython issue 110038).
	need := len(s.slots) + 1
	if s.poller.Backend() == iomux.Kqueue {
		need += len(s.slots)
	}
	if len(s.ready) < need {
		s.ready = make([]Ready[T], max(need, 2*len(s.ready)))
	}
	n, err := s.fill(s.ready, timeout)
	return s.ready[:n], err
}

// SelectInto is Select into a slice of the caller's, whose length bounds the
// batch: what does not fit comes with the next call, on kqueue one of a key's two
// conditions too. It returns how many entries it filled. iomux.ErrNoRoom: dst is
// empty.
func (s *Selector[T]) SelectInto(dst []Ready[T], timeout time.Duration) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(dst) == 0 {
		return 0, fmt.Errorf("selectors: select: %w", iomux.ErrNoRoom)
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	return s.fill(dst, timeout)
}

func (s *Selector[T]) enter() error {
	switch {
	case s.closed:
		return fmt.Errorf("selectors: select: %w", ErrClosed)
	case s.selecting:
		return fmt.Errorf("selectors: select: %w", ErrBusy)
	}
	s.selecting = true
	return nil
}

func (s *Selector[T]) leave() {
	s.selecting = false
	if s.closed {
		s.idle.Broadcast()
	}
}

// fill waits and translates, again and again until there is something to
// return: a wake-up of the selector's own, a ghost or a key that another
// goroutine removed meanwhile is nothing.
func (s *Selector[T]) fill(dst []Ready[T], timeout time.Duration) (int, error) {
	var end time.Time
	if timeout > 0 && timeout != Forever {
		end = time.Now().Add(timeout)
	}
	if len(s.raw) < len(dst) {
		s.raw = make([]iomux.Ready, len(dst))
	}
	woken := false
	for {
		before, ghosts := s.seq, s.ghosts
		n, err := s.wait(s.raw[:len(dst)], timeout)
		if err != nil {
			return 0, fmt.Errorf("selectors: select: %w", err)
		}
		found, asked, err := s.translate(dst, s.raw[:n], before)
		woken = woken || asked
		if found > 0 || err != nil {
			return found, err
		}
		if timeout > 0 && timeout != Forever {
			timeout = time.Until(end)
		}
		if woken {
			timeout = 0
		}
		// With a new poller, what is ready has yet to be seen.
		if timeout <= 0 && s.ghosts == ghosts {
			return 0, nil
		}
	}
}

// wait calls the poller: with the lock held if it cannot block, without it if
// it can.
func (s *Selector[T]) wait(raw []iomux.Ready, timeout time.Duration) (int, error) {
	if timeout <= 0 {
		return s.poller.Wait(raw, 0)
	}
	poller := s.poller
	s.mu.Unlock()
	n, err := poller.Wait(raw, timeout)
	s.mu.Lock()
	if s.closed {
		return 0, ErrClosed
	}
	return n, err
}

// translate turns what the poller found into keys; woken says that Wake was
// called. before is the last registration made before the wait.
func (s *Selector[T]) translate(dst []Ready[T], raw []iomux.Ready, before uint32) (n int, woken bool, err error) {
	for i := range raw {
		r := &raw[i]
		if r.FD == s.waker.fd() {
			s.waker.drain()
			s.nudged = false
			woken = s.asked.Swap(false)
			continue
		}
		sl := s.at(r.FD)
		if s.suspects != nil && s.suspects[r.FD] {
			told := slices.ContainsFunc(dst[:n], func(d Ready[T]) bool { return d.Key.FD == r.FD })
			ghost, err := s.exorcise(sl, r, told)
			if err != nil {
				return n, woken, err
			}
			if ghost {
				return 0, woken, nil // all that is ready comes again, from the new poller
			}
		}
		if sl == nil {
			continue // removed by another goroutine during the wait
		}
		found := r.Events & sl.events
		if found == 0 && r.Raw&(iomux.RawErr|iomux.RawHup|iomux.RawNval) != 0 {
			// An error on a descriptor that is watched for urgent data only.
			found = sl.events & iomux.Conditions
		}
		if int32(sl.seq-before) > 0 { // an old one may look so, after two thousand million others: no harm
			// Registered during the wait, perhaps in place of another with this
			// number: then the event may be the other's.
			found = readyNow(r.FD, found)
		}
		if found == 0 {
			continue // not any more, or the interest was changed during the wait
		}
		dst[n] = Ready[T]{Key: sl.key(), Events: found, Raw: r.Raw}
		n++
	}
	return n, woken, nil
}

// exorcise looks into an event of a number whose last removal the kernel
// refused. It is a ghost, an entry of an older description, if the number is not
// registered now, or is not ready as it says when asked directly, or has been
// told of in this batch already. A ghost cannot be removed through its number, so
// the poller is replaced by a new one without it; there every key is armed
// afresh, Edge and OneShot ones too.
func (s *Selector[T]) exorcise(sl *slot[T], r *iomux.Ready, told bool) (ghost bool, err error) {
	fd := r.FD
	if sl != nil && !told {
		if events := r.Events & sl.events; readyNow(fd, events) == events {
			return false, nil
		}
	}
	fresh, err := iomux.Open(s.poller.Backend())
	if err != nil {
		return true, fmt.Errorf("selectors: replace the poller to get rid of an old entry of fd %d: %w", fd, err)
	}
	err = fresh.Update(s.waker.fd(), 0, iomux.Readable)
	for i := 0; i < len(s.slots) && err == nil; i++ {
		// What the old poller does not know was closed while registered, and
		// the number may be another's by now, the new poller's own even.
		key := s.slots[i].key()
		if err = s.poller.Update(key.FD, key.Events, key.Events); err == nil {
			err = fresh.Update(key.FD, 0, key.Events)
		}
		if wasClosed(err) {
			err = nil
		}
	}
	if err != nil {
		_ = fresh.Close() // the error at hand says more
		return true, fmt.Errorf("selectors: replace the poller to get rid of an old entry of fd %d: %w", fd, err)
	}
	s.suspects = nil
	s.ghosts++
	old := s.poller
	s.poller = fresh
	if err := old.Close(); err != nil {
		return true, fmt.Errorf("selectors: close the replaced poller: %w", err)
	}
	return true, nil
}
