//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

// The others are about what Linux has.
func all() []Experiment { return []Experiment{kqueue, coroutine} }
