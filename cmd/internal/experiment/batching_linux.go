package experiment

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

var batching = Experiment{
	Name:    "batching",
	Shows:   "several pieces or several datagrams for the price of one system call",
	Expects: "3 pieces: 3 calls of write or 1 of writev; 5 datagrams: 6 calls of recvfrom or 1 of recvmmsg",
	run: func(l *lab) string {
		pieces := []string{"head ", "body ", "tail"}
		l.step("an answer of three pieces, one write each")
		a, b := l.pair("a", "b")
		writes := 0
		for _, p := range pieces {
			l.send(a, p)
			writes++
		}
		l.read(b, 20)

		l.step("the same by one call, without copying them into one place before")
		var vector [][]byte
		for _, p := range pieces {
			vector = append(vector, []byte(p))
		}
		n, err := unix.Writev(a.fd, vector)
		l.must("writev", err)
		l.call(`writev(a, ["head ", "body ", "tail"], 3)`, fmt.Sprint(n))
		whole, err := l.read(b, 20)
		l.must("read", err)

		l.step("datagrams: five have come, and each has to be asked for; the last call finds that there is no more")
		c, d := l.datagrams("c", "d")
		l.five(c)
		calls := 0
		for err = nil; err == nil; calls++ {
			_, err = l.receive(d)
		}

		l.step("five more, all of them by one call, each with its own length")
		l.five(c)
		batch := sys.NewBatch(64)
		got, errno := batch.Recv(d.fd, 16)
		if errno != 0 {
			l.fail("recvmmsg: %w", errno)
		}
		var lengths []string
		for i := range got {
			p, _ := batch.Packet(i)
			lengths = append(lengths, fmt.Sprint(len(p)))
		}
		l.call("recvmmsg(d, msgs, 16, MSG_DONTWAIT, NULL)", fmt.Sprintf("%d, of %s bytes", got, strings.Join(lengths, ", ")))
		if whole != "head body tail" || got != 5 {
			return fmt.Sprintf("writev sent %q, recvmmsg received %d", whole, got)
		}
		return fmt.Sprintf("3 pieces: %d calls of write or 1 of writev; 5 datagrams: %d calls of recvfrom or 1 of recvmmsg", writes, calls)
	},
}

// datagrams makes a pair of sockets that keep messages apart.
func (l *lab) datagrams(a, b string) (file, file) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	l.must("socketpair", err)
	l.call("socketpair(AF_UNIX, SOCK_DGRAM|SOCK_NONBLOCK, 0, ["+a+", "+b+"])", "0")
	return l.own(fds[0], a), l.own(fds[1], b)
}

// five sends as many datagrams, of 1 to 5 bytes.
func (l *lab) five(f file) {
	for n := 1; n <= 5; n++ {
		_, err := unix.Write(f.fd, []byte("12345")[:n])
		l.must("write", err)
	}
	l.call("write("+f.name+", \"12345\", n), for n from 1 to 5", "n")
}

// receive takes one datagram.
func (l *lab) receive(f file) (int, error) {
	var buf [16]byte
	n, _, err := unix.Recvfrom(f.fd, buf[:], 0)
	l.call("recvfrom("+f.name+", buf, 16, 0, NULL, NULL)", bytesRead(buf[:], n, err))
	return n, err
}
