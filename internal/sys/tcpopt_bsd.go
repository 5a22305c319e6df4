//go:build openbsd || dragonfly

package sys

// Options of TCP sockets that not every system has; 0 where there is none. OpenBSD
// has these for the whole system only, DragonFly counts in other units from
// release to release.
const (
	OptKeepIdle     = 0
	OptKeepInterval = 0
	OptKeepCount    = 0
	OptUserTimeout  = 0
	OptDeferAccept  = 0
	OptFastOpen     = 0
)
