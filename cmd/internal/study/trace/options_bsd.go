//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package trace

// systemOptions are those that Linux has not: none that are used here.
var systemOptions []option
