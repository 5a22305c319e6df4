package experiment

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// partialSize is more than the buffers of a pair of sockets take.
const partialSize = 1 << 20

var partial = Experiment{
	Name:    "partial",
	Shows:   "a write that is taken in part, and one that is not taken at all",
	Expects: "the first write took a part, the next nothing; a was writable again when b had read; all 1048576 bytes arrived in order",
	run: func(l *lab) string {
		l.step("a is in non-blocking mode, and has a small buffer")
		a, b := l.pair("a", "b")
		l.nonblock(a)
		l.nonblock(b)
		l.must("setsockopt", unix.SetsockoptInt(a.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10))
		l.call("setsockopt(a, SOL_SOCKET, SO_SNDBUF, 16384)", "0")
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLOUT)
		l.wait(ep, 8)

		l.step("1 MiB is written: some of it is taken, how much is the kernel's affair")
		data := make([]byte, partialSize)
		for i := range data {
			data[i] = byte(i >> 8)
		}
		sent, err := unix.Write(a.fd, data)
		l.must("write", err)
		l.call("write(a, p, 1048576)", somePart(sent))

		l.step("the rest does not fit either, and a is not writable any more")
		_, full := unix.Write(a.fd, data[sent:])
		l.call("write(a, p + n, 1048576 - n)", number(0, full))
		muted := l.wait(ep, 8)

		l.step("b reads; a is reported as writable; the rest is written, and so on until all is there")
		got, part := l.drain(b), sent
		writable := l.wait(ep, 8)
		for len(writable) > 0 && sent < partialSize {
			n, err := unix.Write(a.fd, data[sent:])
			l.must("write", err)
			sent += n
			got = append(got, l.drain(b)...)
		}
		l.call("bytes that b has got", fmt.Sprint(len(got)))
		if part < partialSize && errnoName(full) == "EAGAIN" && len(muted) == 0 && len(writable) == 1 && bytes.Equal(got, data) {
			return "the first write took a part, the next nothing; a was writable again when b had read; all 1048576 bytes arrived in order"
		}
		return fmt.Sprintf("%d of %d, then %s; %d reports, then %d; %d arrived, as sent: %v", part, partialSize, errnoName(full), len(muted), len(writable), len(got), bytes.Equal(got, data))
	},
}

func somePart(n int) string {
	if n > 0 && n < partialSize {
		return "n, more than 0 and less than 1048576"
	}
	return fmt.Sprint(n)
}

// drain reads all there is.
func (l *lab) drain(f file) (all []byte) {
	buf := make([]byte, 64<<10)
	for {
		n, err := read(f.fd, buf)
		if errnoName(err) == "EAGAIN" {
			return all
		}
		l.must("read", err)
		if n == 0 {
			return all
		}
		all = append(all, buf[:n]...)
	}
}
