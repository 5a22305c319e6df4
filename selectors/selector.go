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

	mu        sync.Mutex
	idle      sync.Cond // signalled when selecting turns false
	poller    iomux.Poller
	slots     []slot[T] // by descriptor
	count     int       // registered descriptors
	seq       uint32    // of the last registration; it wraps around
	ghosts    int
	selecting bool // a Select is blocked in the poller
	nudged    bool // the waker was used to make that Select look again
	closed    bool

	raw   []iomux.Ready // what the poller fills
	ready []Ready[T]    // what Select returns
}

// slot is the place of a descriptor in the table, which is its number. It is kept
// small, for there is one for each connection of a server.
type slot[T any] struct {
	data   T
	seq    uint32 // of the registration; 0: there is none
	events iomux.Events
	// suspect: the kernel refused the last removal of this number, so an entry
	// of an older description may live on under it.
	suspect bool
}

// key is the registration of fd as others see it.
func (sl *slot[T]) key(fd int) Key[T] {
	return Key[T]{FD: fd, Events: sl.events, Data: sl.data, seq: sl.seq}
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
	for len(s.slots) <= fd {
		s.slots = append(s.slots, slot[T]{})
	}
	if s.seq++; s.seq == 0 {
		s.seq++
	}
	s.count++
	sl := &s.slots[fd]
	sl.data, sl.seq, sl.events = data, s.seq, events
	s.nudge()
	return sl.key(fd), nil
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
	return sl.key(fd), nil
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
			_ = s.remove(sl, fd)
			return Key[T]{}, fail("modify", fd, err)
		}
		sl.events = events
		s.nudge()
	}
	if data != nil {
		sl.data = *data
	}
	return sl.key(fd), nil
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
	key := sl.key(fd)
	if err := s.remove(sl, fd); err != nil {
		return key, fail("unregister", fd, err)
	}
	s.nudge()
	return key, nil
}

// remove takes a key out of the table and out of the poller.
func (s *Selector[T]) remove(sl *slot[T], fd int) error {
	events := sl.events
	*sl = slot[T]{suspect: sl.suspect}
	s.count--
	err := s.poller.Update(fd, events, 0)
	if err == nil {
		return nil
	}
	if wasClosed(err) {
		// Closed before it was unregistered, and perhaps reused. Mostly the
		// kernel's entry died with it; if a dup or a child keeps the
		// description open it did not.
		sl.suspect = true
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
	return sl.key(fd), nil
}

// Keys walks the keys in the order of their descriptors, as the values of
// Python's get_map. It is live: registrations may change during the walk, from
// its body too, and are seen or not depending on where it stands.
func (s *Selector[T]) Keys() iter.Seq[Key[T]] {
	return func(yield func(Key[T]) bool) {
		for fd := 0; ; fd++ {
			s.mu.Lock()
			if fd >= len(s.slots) {
				s.mu.Unlock()
				return
			}
			sl := s.slots[fd]
			s.mu.Unlock()
			if sl.seq != 0 && !yield(sl.key(fd)) {
				return
			}
		}
	}
}

// Len is the number of registered descriptors; 0 once closed.
func (s *Selector[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
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
	s.slots, s.count = nil, 0
	for s.selecting {
		s.waker.wake()
		s.idle.Wait()
	}
	return errors.Join(s.poller.Close(), s.waker.close())
}

// at is the slot of a registered descriptor, nil for any other.
func (s *Selector[T]) at(fd int) *slot[T] {
	if fd < 0 || fd >= len(s.slots) || s.slots[fd].seq == 0 {
		return nil
	}
	return &s.slots[fd]
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
