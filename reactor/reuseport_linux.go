package reactor

import "golang.org/x/sys/unix"

// reusePort is the option with which the kernel spreads connections over all
// sockets of one port, 0 where it does not. A variable so that a test can try the
// other way here too.
var reusePort = unix.SO_REUSEPORT
