//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

// simulated: the kernel has one.
const simulated = false

// prepare makes a backend work, until restore: here they all do or do not.
func (b Backend) prepare() (restore func()) { return func() {} }
