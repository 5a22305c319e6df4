// Package selectors is Python's selectors module in Go: descriptors are
// registered with the events one waits for and with data of one's own, and
// Select returns the keys that are ready.
//
//	sel, err := selectors.New[func(iomux.Events)](iomux.Epoll)
//	_, err = sel.Register(listener, iomux.Readable, accept)
//	for {
//		ready, err := sel.Select(selectors.Forever)
//		for _, r := range ready {
//			r.Key.Data(r.Events)
//		}
//	}
//
// A [Selector] owns the one table of registrations and all errors about
// arguments, so these are the same on every backend; the poller below it only
// translates. In steady state a Select allocates nothing.
//
// # What differs from Python, on purpose
//
//   - A bad mask is ErrInvalidEvents on every backend and in Modify too, and
//     leaves the registration as it was. (Python: select and kqueue lose the
//     registration, poll and epoll accept the mask.)
//   - A closed selector answers ErrClosed to everything, and Close wakes a
//     Select that is blocked. (Python: it depends on the backend, and nobody is
//     woken; CPython issue 91433.)
//   - One entry a descriptor on every backend. (Python's kqueue: one a filter.)
//   - A descriptor that is not open is refused with EBADF on every backend, and
//     one that was closed while registered never fails a Select: poll and select
//     report it as ready (NVAL), epoll and kqueue forget it. (Python's select
//     fails every later call.)
//   - A ghost, epoll's entry of a description that lives on under another
//     number, is found and removed. (Python: an endless busy loop.)
//   - Registering during another goroutine's Select takes effect at once on
//     every backend, and a second Select at the same time is ErrBusy on all.
//     (Python: depends on the backend.)
//   - Timeouts are exact to the kernel's clock, not to the millisecond.
//   - SetEvents and SetData change one thing; Modify replaces both, as Python's,
//     where forgetting the data resets it to None. Data is replaced even by an
//     equal value.
//   - [Selector.Live] tells whether an earlier callback of the same batch has
//     ended a registration. (Python leaves the dead key in the list.)
//   - Keys come in the order of their descriptors, not of their registration.
//
// What stays: a timeout of zero or less polls (Forever is Python's None); an
// empty list before the timeout is allowed only after Wake; unregistering a
// descriptor that was closed meanwhile succeeds; a Modify that the kernel
// refuses ends the registration.
package selectors
