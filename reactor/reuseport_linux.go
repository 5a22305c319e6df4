package reactor

import "golang.org/x/sys/unix"

// reusePort is the option with which the kernel spreads connections over all
// sockets of one port, 0 where it does not.
const reusePort = unix.SO_REUSEPORT
