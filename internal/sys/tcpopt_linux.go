package sys

import "golang.org/x/sys/unix"

// Options of TCP sockets that not every system has; 0 where there is none.
const (
	OptKeepIdle     = unix.TCP_KEEPIDLE
	OptKeepInterval = unix.TCP_KEEPINTVL
	OptKeepCount    = unix.TCP_KEEPCNT
	OptUserTimeout  = unix.TCP_USER_TIMEOUT
	OptDeferAccept  = unix.TCP_DEFER_ACCEPT
	OptFastOpen     = unix.TCP_FASTOPEN
)
