package selectors

import (
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"example.com/iomux"
)

// Selector watches descriptors and keeps a value of type T beside each. Make
// one with New. Any goroutine may call any method at any time; only one at a
// time may be in Select.
type Selector[T any] struct {
	waker *waker
	asked atomic.Bool // Wake was called and no Select has returned for it yet

	mu     sync.Mutex
	idle   sync.Cond // signalled when selecting turns false
	poller iomux.Poller
	slots  []slot[T]
	index  []int32 // by descriptor: its slot's place and one; 0: it has none
	// suspects are numbers whose last removal the kernel refused, so an entry of
	// an older description may live on under them. nil: there are none.
	suspects  map[int]bool
	seq       uint32 // of the last registration; it wraps around
	ghosts    int
	selecting bool // a Select is blocked in the poller
	nudged    bool // the waker was used to make that Select look again
	closed    bool

	raw   []iomux.Ready // what the poller fills
	ready []Ready[T]    // what Select returns
}

// slot is a registration. Slots lie close together, and a number is turned into a
// place by an index of four bytes each: a process with a selector for each loop has
// an index in each, as long as its highest descriptor.
type slot[T any] struct {
	data   T
	fd     int32
	seq    uint32
	events iomux.Events
}

// key is the registration as others see it.
func (sl *slot[T]) key() Key[T] {
	return Key[T]{FD: int(sl.fd), Events: sl.events, Data: sl.data, seq: sl.seq}
}

// New opens a selector over the named backend; "" is the best that works here,
// as Python's DefaultSelector. Beside the poller it holds one descriptor for
// Wake (a pipe's two where there is no eventfd).
func New[T any](b iomux.Backend) (*Selector[T], error) {
	p, err := iomux.Open(b)
	if err != nil {
		return nil, err
	}
	return Over[T](p)
}

// Over makes a selector of a poller, which it owns from then on, and closes
// should Over fail.
func Over[T any](p iomux.Poller) (*Selector[T], error) {
	w, err := newWaker()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	s := &Selector[T]{waker: w, poller: p}
	s.idle.L = &s.mu
	if err := p.Update(w.fd(), 0, iomux.Readable); err != nil {
		return nil, errors.Join(fmt.Errorf("selectors: register the waker: %w", err), w.close(), p.Close())
	}
	return s, nil
}

// Register begins to watch fd and returns its key, as Python's register.
// Errors: ErrInvalidEvents, ErrInvalidFD, ErrRegistered, ErrClosed, and the
// poller's (see iomux.Poller), after which fd is not registered.
func (s *Selector[T]) Register(fd int, events iomux.Events, data T) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return Key[T]{}, fail("register", fd, ErrClosed)
	case !events.Valid():
		return Key[T]{}, fmt.Errorf("selectors: register fd %d: %w %v: want Readable, Writable or Priority", fd, ErrInvalidEvents, events)
	case fd < 0:
		return Key[T]{}, fail("register", fd, ErrInvalidFD)
	case s.at(fd) != nil:
		return Key[T]{}, fail("register", fd, ErrRegistered)
	}
	if err := s.poller.Update(fd, 0, events); err != nil {
		return Key[T]{}, fail("register", fd, err)
	}
	if fd >= len(s.index) {
		s.index = append(s.index, make([]int32, fd+1-len(s.index))...)
	}
	if s.seq++; s.seq == 0 {
		s.seq++
	}
	s.slots = append(s.slots, slot[T]{data, int32(fd), s.seq, events})
	s.index[fd] = int32(len(s.slots))
	sl := s.at(fd)
	s.nudge()
	return sl.key(), nil
}

// Modify replaces both the events and the data of fd, as Python's modify, and
// returns the new key. With Edge or OneShot it also re-arms. Errors:
// ErrInvalidEvents, ErrNotRegistered and errors.ErrUnsupported (a flag that the
// backend has not), which change nothing; ErrClosed; the kernel's, after which fd
// is no longer registered.
func (s *Selector[T]) Modify(fd int, events iomux.Events, data T) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modify(fd, events, &data)
}

// SetEvents replaces the events of fd and keeps the data; otherwise as Modify.
func (s *Selector[T]) SetEvents(fd int, events iomux.Events) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modify(fd, events, nil)
}

// SetData replaces the data of fd and keeps the events; the kernel is not
// asked. Errors: ErrNotRegistered, ErrClosed.
func (s *Selector[T]) SetData(fd int, data T) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl, err := s.lookup("set data of", fd)
	if err != nil {
		return Key[T]{}, err
	}
	sl.data = data
	return sl.key(), nil
}

func (s *Selector[T]) modify(fd int, events iomux.Events, data *T) (Key[T], error) {
	sl, err := s.lookup("modify", fd)
	if err != nil {
		return Key[T]{}, err
	}
	if !events.Valid() {
		return Key[T]{}, fmt.Errorf("selectors: modify fd %d: %w %v: want Readable, Writable or Priority", fd, ErrInvalidEvents, events)
	}
	if events != sl.events || events&(iomux.Edge|iomux.OneShot) != 0 {
		if err := s.poller.Update(fd, sl.events, events); err != nil {
			if errors.Is(err, errors.ErrUnsupported) {
				return Key[T]{}, fail("modify", fd, err) // the kernel was not even asked
			}
			// As in Python: what the kernel no longer watches has no key.
			_ = s.remove(fd)
			return Key[T]{}, fail("modify", fd, err)
		}
		sl.events = events
		s.nudge()
	}
	if data != nil {
		sl.data = *data
	}
	return sl.key(), nil
}

// Unregister stops watching fd and returns the key it had, as Python's
// unregister: it succeeds when fd was closed meanwhile. Unregister before
// closing nevertheless; a closed number is soon somebody else's. Errors:
// ErrNotRegistered, ErrClosed.
func (s *Selector[T]) Unregister(fd int) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl, err := s.lookup("unregister", fd)
	if err != nil {
		return Key[T]{}, err
	}
	key := sl.key()
	if err := s.remove(fd); err != nil {
		return key, fail("unregister", fd, err)
	}
	s.nudge()
	return key, nil
}

// remove takes a key out of the table and out of the poller. The last slot comes
// into its place.
func (s *Selector[T]) remove(fd int) error {
	place, last := s.index[fd]-1, len(s.slots)-1
	events := s.slots[place].events
	s.slots[place] = s.slots[last]
	s.index[s.slots[place].fd] = place + 1
	s.index[fd] = 0
	s.slots[last] = slot[T]{}
	s.slots = s.slots[:last]
	if cap(s.slots) > 1024 && last < cap(s.slots)/4 {
		s.slots = append(make([]slot[T], 0, cap(s.slots)/2), s.slots...) // after a flood
	}
	err := s.poller.Update(fd, events, 0)
	if err == nil {
		return nil
	}
	if wasClosed(err) {
		// Closed before it was unregistered, and perhaps reused. Mostly the
		// kernel's entry died with it; if a dup or a child keeps the
		// description open it did not.
		if s.suspects == nil {
			s.suspects = make(map[int]bool)
		}
		s.suspects[fd] = true
		return nil
	}
	return err
}

// Key returns the key of fd, as Python's get_key. Errors: ErrNotRegistered,
// ErrClosed.
func (s *Selector[T]) Key(fd int) (Key[T], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl, err := s.lookup("key of", fd)
	if err != nil {
		return Key[T]{}, err
	}
	return sl.key(), nil
}

// Keys walks the keys in the order of their descriptors, as the values of
// Python's get_map. It is live: registrations may change during the walk, from
// its body too, and are seen or not depending on where it stands.
func (s *Selector[T]) Keys() iter.Seq[Key[T]] {
	return func(yield func(Key[T]) bool) {
		for fd := 0; ; fd++ {
			s.mu.Lock()
			if fd >= len(s.index) {
				s.mu.Unlock()
				return
			}
			var key Key[T]
			sl := s.at(fd)
			if sl != nil {
				key = sl.key()
			}
			s.mu.Unlock()
			if sl != nil && !yield(key) {
				return
			}
		}
	}
}

// Len is the number of registered descriptors; 0 once closed.
func (s *Selector[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots)
}

// Live reports whether the registration that k was got from is still in force,
// though its events or data may have changed since. Within a batch that Select
// returned it says whether an earlier callback ended it, even when the number
// has been registered anew.
func (s *Selector[T]) Live(k Key[T]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.at(k.FD)
	return sl != nil && sl.seq == k.seq
}

// Backend says which backend is in use.
func (s *Selector[T]) Backend() iomux.Backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poller.Backend()
}

// Fd is the poller's own descriptor, as Python's fileno, or -1: the backend has
// none, or the selector is closed. It is readable while Select would return at
// once, so selectors can be nested. It changes when [Selector.Ghosts] does.
func (s *Selector[T]) Fd() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.poller.(iomux.Descriptor); ok && !s.closed {
		return d.Fd()
	}
	return -1
}

// Ghosts is how often the selector had to replace its poller because the kernel
// went on reporting a description under a number that is no longer registered.
// Who holds Fd must fetch it again when this has grown.
func (s *Selector[T]) Ghosts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ghosts
}

// Wake makes the Select that is blocked, or else the next one, return before
// its timeout, with an empty list if nothing is ready. Many calls before that
// Select are one. It may be called at any time, even after Close, and by a
// goroutine that holds locks: it does not wait.
func (s *Selector[T]) Wake() {
	s.asked.Store(true)
	s.waker.wake()
}

// Close gives the poller and the waker back; a Select that is blocked returns
// ErrClosed first. The registered descriptors stay open. Closing twice is fine.
func (s *Selector[T]) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.slots, s.index = nil, nil
	for s.selecting {
		s.waker.wake()
		s.idle.Wait()
	}
	return errors.Join(s.poller.Close(), s.waker.close())
}

// at is the slot of a registered descriptor, nil for any other.
func (s *Selector[T]) at(fd int) *slot[T] {
	if fd < 0 || fd >= len(s.index) || s.index[fd] == 0 {
		return nil
	}
	return &s.slots[s.index[fd]-1]
}

// lookup is at with the errors of the public methods.
func (s *Selector[T]) lookup(op string, fd int) (*slot[T], error) {
	if s.closed {
		return nil, fail(op, fd, ErrClosed)
	}
	if sl := s.at(fd); sl != nil {
		return sl, nil
	}
	if fd < 0 {
		return nil, fail(op, fd, ErrInvalidFD)
	}
	return nil, fail(op, fd, ErrNotRegistered)
}

// nudge makes a blocked Select look at the table again where the poller would
// not: epoll and kqueue see a change at once, poll and select do not.
func (s *Selector[T]) nudge() {
	if !s.selecting || s.nudged {
		return
	}
	if _, live := s.poller.(iomux.Descriptor); !live {
		s.nudged = true
		s.waker.wake()
	}
}

func fail(op string, fd int, err error) error {
	return fmt.Errorf("selectors: %s fd %d: %w", op, fd, err)
}
