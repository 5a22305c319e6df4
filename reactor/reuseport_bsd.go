//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// The BSDs' SO_REUSEPORT gives all connections to one of the sockets, so one
// loop accepts and hands them on.
var reusePort = 0
