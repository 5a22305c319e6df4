//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package explain

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// refusals are the errors of messages that are several datagrams, see sys.RefusedGSO.
var refusals = []syscall.Errno{syscall.EMSGSIZE, syscall.EINVAL, syscall.EIO, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM}

// datagrams explains the calls that take and send several at a time.
func datagrams(r *trace.Record) string {
	if r.Op == sys.OpRecvmmsg {
		const why = "The loop takes the datagrams that have come, so many as there are, in one call"
		switch {
		case r.Errno == syscall.EAGAIN:
			return why + ". EAGAIN: there is none left."
		case r.Errno != 0:
			return why + ". An error of an earlier answer is told here, such as that nobody is at its address."
		}
		return fmt.Sprintf("%s: %d.", why, r.Result)
	}
	const why = "The answers to what came in one call go out together"
	switch {
	case r.Errno == syscall.EAGAIN:
		return why + ". EAGAIN: no room; they wait until the socket is writable."
	case strings.Contains(r.Args, " in ") && slices.Contains(refusals, r.Errno):
		return why + ". The kernel may not take them so, several to a message: they are sent again, one by one."
	case r.Errno != 0:
		return why + ". The first of them cannot be sent, and is dropped, as the network drops some."
	}
	if strings.Contains(r.Args, " in ") {
		return fmt.Sprintf("%s: %s; messages taken: %d. Neighbours of one length to one peer are one message, which the kernel takes apart. Whether they arrive, nobody will say.", why, r.Args, r.Result)
	}
	return fmt.Sprintf("%s: %d. Whether they arrive, nobody will say.", why, r.Result)
}
