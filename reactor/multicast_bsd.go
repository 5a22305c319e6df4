//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// ownGroupsOnly does nothing: these systems give a socket what is sent to the
// groups that it has joined itself.
func ownGroupsOnly(int, bool) {}
