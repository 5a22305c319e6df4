//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

// simulated: the kernel has one.
const simulated = false

// Prepare makes a backend work, until restore: here they all do or do not.
func (b Backend) Prepare() (restore func()) { return func() {} }
