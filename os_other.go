//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package iomux

// openers is empty: no backend is written for this system. The package still
// compiles, and Open says so.
func openers() []opener { return nil }
