package experiment

import (
	"errors"
	"golang.org/x/sys/unix"
)

// listener makes a TCP socket that listens on a port of the kernel's choice.
func (l *lab) listener(name string) (file, unix.Sockaddr) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	l.must("socket", err)
	f := l.own(fd, name)
	l.must("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	l.must("listen", unix.Listen(fd, 16))
	address, err := unix.Getsockname(fd)
	l.must("getsockname", err)
	l.call("listen("+name+", 16), bound to a port of 127.0.0.1", "0")
	return f, address
}

// dial makes a TCP connection.
func (l *lab) dial(name string, address unix.Sockaddr) file {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	l.must("socket", err)
	f := l.own(fd, name)
	err = unix.Connect(fd, address)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EALREADY) {
		err = unix.Connect(fd, address)
	}
	if !errors.Is(err, unix.EISCONN) {
		l.must("connect", err)
	}
	l.call("connect("+name+", the port of the listener)", "0")
	return f
}

// tcp makes two sockets that are connected by TCP.
func (l *lab) tcp(a, b string) (file, file) {
	ln, address := l.listener("ln")
	client := l.dial(a, address)
	server := l.accept(ln, b)
	return client, server
}

// accept waits for a connection and takes it, in non-blocking mode.
func (l *lab) accept(ln file, name string) file {
	l.awaitInput(ln)
	fd, _, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	l.must("accept4", err)
	l.call("accept4("+ln.name+", NULL, NULL, SOCK_NONBLOCK)", name)
	return l.own(fd, name)
}

// awaitInput waits until there is something to read, which TCP may take its time for.
func (l *lab) awaitInput(f file) {
	l.await("input", func() bool {
		fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100)
		return n > 0 && err == nil
	})
}
