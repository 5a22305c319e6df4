//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

// CanGSO reports whether an internet socket for datagrams takes several in one message:
// none does here.
func CanGSO(int) bool { return false }

// RefusedGSO reports whether the last Send may have failed because its first message is
// several datagrams.
func (b *SendBatch) RefusedGSO(Errno) bool { return false }
