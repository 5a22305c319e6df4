package reactor

import "golang.org/x/sys/unix"

// inputSize asks a socket how much there is to read.
const inputSize = unix.TIOCINQ
