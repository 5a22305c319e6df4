package selectors

import (
	"errors"
	"time"

	"example.com/iomux"
)

// Forever as a timeout waits until something is ready, as Python's None.
const Forever time.Duration = iomux.Forever

// Key is one registration, as Python's SelectorKey. It is a value: what one has
// got does not change when the registration does.
type Key[T any] struct {
	FD     int          // the descriptor, which is the key's identity
	Events iomux.Events // the interest: what was asked for
	Data   T            // what the owner gave along

	seq uint32 // tells registrations of one descriptor number apart
}

// Ready is a key and what was found, as the pairs that Python's select returns.
type Ready[T any] struct {
	Key    Key[T]
	Events iomux.Events // found and asked for
	Raw    iomux.Raw    // what the kernel said, for those who study it
}

// The errors of this package; they come wrapped with the operation and the
// descriptor. Errors of the kernel are wrapped likewise, and errors.Is finds
// the errno.
var (
	// ErrInvalidEvents: no condition to wait for, or an unknown bit
	// (Python's ValueError).
	ErrInvalidEvents = errors.New("invalid events")
	// ErrInvalidFD: a negative descriptor (Python's ValueError).
	ErrInvalidFD = errors.New("invalid descriptor")
	// ErrRegistered: the descriptor has a key already (Python's KeyError).
	ErrRegistered = errors.New("descriptor is already registered")
	// ErrNotRegistered: the descriptor has no key (Python's KeyError).
	ErrNotRegistered = errors.New("descriptor is not registered")
	// ErrBusy: another goroutine is in Select (Python's RuntimeError of poll).
	ErrBusy = errors.New("selector is in another Select")
	// ErrClosed: the selector is closed (Python's RuntimeError).
	ErrClosed = errors.New("selector is closed")
)
