//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const opRecvBatch = OpRecvfrom

func recvBatchArgs(most int) string { return fmt.Sprintf("up to %d times, DONTWAIT", most) }

// receiver is what the kernel told beside the datagrams. x/sys allocates the
// addresses.
type receiver struct {
	read    [BatchSize]int // bytes, one more than fit if there were more
	senders [BatchSize]unix.Sockaddr
}

func (b *Batch) prepare() {}

// recv ends at an error. After a datagram the error is lost: a lasting one comes
// again, and that of an earlier send is no news about this socket's datagrams.
func (b *Batch) recv(fd, most int) (int, Errno) {
	for i := range most {
		n, from, err := unix.Recvfrom(fd, b.place(i)[:b.size+1], unix.MSG_DONTWAIT)
		if err != nil {
			if i > 0 {
				return i, 0
			}
			return ret(0, err)
		}
		b.read[i], b.senders[i] = n, from
	}
	return most, 0
}

func (b *Batch) length(i int) (n int, truncated bool) {
	return min(b.read[i], b.size), b.read[i] > b.size
}

// From is the internet address that datagram i of the last Recv came from, the
// zero AddrPort where there is none.
func (b *Batch) From(i int) netip.AddrPort { return addrPort(b.senders[i]) }

// FromUnix is the name of the Unix socket that datagram i of the last Recv came
// from, in the form of [BindUnix]: "" if it has none.
func (b *Batch) FromUnix(i int) string { return unixName(b.senders[i]) }
