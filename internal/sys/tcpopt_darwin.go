package sys

import "golang.org/x/sys/unix"

// Options of TCP sockets that not every system has; 0 where there is none.
const (
	OptKeepIdle     = unix.TCP_KEEPALIVE // the same by another name
	OptKeepInterval = unix.TCP_KEEPINTVL
	OptKeepCount    = unix.TCP_KEEPCNT
	OptUserTimeout  = 0
	OptDeferAccept  = 0
	OptFastOpen     = 0 // there it is an option of a socket that listens already
)
