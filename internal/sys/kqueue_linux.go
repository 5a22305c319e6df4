package sys

// Linux has no kqueue. The kqueue poller still compiles and runs here, over
// calls that a test (or a study) brings along, so that its code is proven on
// the system most developers have.
var kqueueCalls KqueueCalls

// SetKqueue installs an implementation of kqueue for this process, in place of the
// old one; iomux.Open and iomux.Backends then offer it. The zero KqueueCalls is
// none. Call it only while nothing else goes on: from an init function, mostly.
func SetKqueue(c KqueueCalls) (old KqueueCalls) {
	old, kqueueCalls = kqueueCalls, c
	return old
}

// HasKqueue reports whether SetKqueue was called.
func HasKqueue() bool { return kqueueCalls.Kqueue != nil }
