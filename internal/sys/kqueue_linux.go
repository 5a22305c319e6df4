package sys

// Linux has no kqueue. The kqueue poller still compiles and runs here, over
// calls that a test (or a study) brings along, so that its code is proven on
// the system most developers have.
var kqueueCalls KqueueCalls

// SetKqueue installs an implementation of kqueue for this process; iomux.Open
// and iomux.Backends then offer it. Call it from an init function only.
func SetKqueue(c KqueueCalls) { kqueueCalls = c }

// HasKqueue reports whether SetKqueue was called.
func HasKqueue() bool { return kqueueCalls.Kqueue != nil }
