//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// Listener accepts connections for a Group on one address. Any goroutine may
// call its methods.
type Listener struct {
	group     *Group
	handler   Handler
	options   ListenOptions
	sockets   *sockets   // but for the descriptors: those are the acceptors'
	services  []*service // a loop each
	acceptors []*acceptor
	file      boundFile
}

// Addr is the address listened on, with the port the kernel chose if it was
// asked to.
func (ln *Listener) Addr() net.Addr { return ln.sockets.netAddr() }

// URL is Addr as Listen takes it: tcp://127.0.0.1:7000.
func (ln *Listener) URL() string { return ln.sockets.url() }

// Close stops accepting, and removes the file of a Unix socket; the connections
// there are go on. Connections that the kernel has completed and nobody has
// accepted are reset. It returns before the loops have done it, but may wait for
// the lock of the file's directory: not for callbacks. Closing twice is fine.
func (ln *Listener) Close() {
	ln.removeFile()
	ln.Leave()
}

// Leave is Close where a successor has the sockets too (see Files): a Unix socket's
// file stays, and connections nobody has accepted yet are the successor's.
func (ln *Listener) Leave() {
	ln.file.forget()
	ln.group.forget(ln)
	for _, a := range ln.acceptors {
		_ = a.loop.Post(a.close) // a loop that has ended has closed it
	}
}

// Pause stops accepting until Resume. Clients can still connect until the kernel's
// queue, Options.Backlog, is full, and wait.
func (ln *Listener) Pause() { ln.hold(true) }

// Resume undoes Pause.
func (ln *Listener) Resume() { ln.hold(false) }

func (ln *Listener) hold(on bool) {
	for _, a := range ln.acceptors {
		_ = a.loop.Post(func() { a.hold(on) }) // a loop that has ended has closed it
	}
}

// OwnFile makes the file of an adopted Unix socket this listener's, to be removed
// when it closes: for a successor, once its predecessor has left. The file is the
// one that was at the socket's path when it was adopted; what has come in its place
// since is not touched. Any other listener has nothing to own.
func (ln *Listener) OwnFile() {
	if ln.sockets.found != nil {
		ln.file.set(ln.sockets.found)
	}
}

// Files returns duplicates of the listening sockets, to be passed to a successor:
// while any of them is open, clients can connect. There is one for each loop where
// the kernel spreads connections (see Balance), and all of them must be passed on,
// for each has a queue of its own. The caller closes them. Use them by SyscallConn:
// their method Fd would make the sockets block, here too. ErrClosed: the listener
// is closed.
func (ln *Listener) Files() ([]*os.File, error) {
	var files []*os.File
	for _, a := range ln.acceptors {
		f, err := a.file()
		if err != nil {
			for _, f := range files {
				_ = f.Close() // a duplicate
			}
			return nil, fmt.Errorf("reactor: files of %s: %w", ln.URL(), err)
		}
		files = append(files, f)
	}
	return files, nil
}

func (ln *Listener) removeFile() { ln.file.remove(ln.group.options.Logger, ln.URL()) }

// listen opens the sockets of ln and has the loops accept.
func (ln *Listener) listen(a address, inet netip.AddrPort) error {
	n, err := ln.options.spread(a, len(ln.group.loops))
	if err != nil {
		return err
	}
	if ln.sockets, err = bindSockets(a, inet, n, &ln.options); err != nil {
		return err
	}
	if err := ln.sockets.listen(ln.group.options.Backlog); err != nil {
		ln.sockets.close()
		return err
	}
	return ln.accept()
}

// accept hands the sockets, which listen, to the loops; group.mu is held.
func (ln *Listener) accept() error {
	loops := ln.group.loops
	for _, l := range loops {
		s := newService(l, ln, ln.handler, ln.options.Timeouts, ln.sockets.address)
		s.config = ln.options.TLS
		ln.services = append(ln.services, s)
	}
	for i, fd := range ln.sockets.fds {
		ln.acceptors = append(ln.acceptors, &acceptor{listener: ln, loop: loops[i%len(loops)], fd: fd})
	}
	for i, a := range ln.acceptors {
		if err := a.loop.adopt(a); err != nil {
			for _, b := range ln.acceptors[:i] {
				_ = b.loop.Post(b.close) // what a loop has, only the loop closes
			}
			ln.sockets.fds = ln.sockets.fds[i:] // the rest is ours to close
			ln.sockets.close()
			return err
		}
	}
	ln.file.set(ln.sockets.file)
	ln.sockets.file, ln.sockets.fds = nil, nil
	ln.group.listeners = append(ln.group.listeners, ln)
	return nil
}

// adopt takes an acceptor in.
func (l *Loop) adopt(a *acceptor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return ErrClosed
	}
	if _, err := l.sel.Register(a.fd, iomux.Readable, a); err != nil {
		return err
	}
	l.acceptors = append(l.acceptors, a)
	return nil
}

// takeAcceptors empties the loop's list and returns what was on it.
func (l *Loop) takeAcceptors() []*acceptor {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.acceptors
	l.acceptors = nil
	return list
}

// drop takes one acceptor off the list.
func (l *Loop) drop(a *acceptor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acceptors = slices.DeleteFunc(l.acceptors, func(b *acceptor) bool { return a == b })
}

// file is a duplicate of the socket.
func (a *acceptor) file() (*os.File, error) {
	a.loop.mu.Lock()
	defer a.loop.mu.Unlock()
	if a.fd < 0 {
		return nil, ErrClosed
	}
	fd, errno := sys.Dup(a.fd)
	if errno != 0 {
		return nil, fmt.Errorf("duplicate a socket: %w", errno)
	}
	return os.NewFile(uintptr(fd), a.listener.URL()), nil
}

// wrapListen adds the address, and what one can do about it.
func wrapListen(address string, err error) error {
	hint := ""
	switch inet := !isUnix(address); {
	case errors.Is(err, ErrAddress):
		return err // it has the address
	case errors.Is(err, unix.EADDRINUSE) && inet:
		hint = ": something listens there already; choose another port, or 0"
	case errors.Is(err, unix.EACCES) && inet:
		hint = ": ports below 1024 are for root; choose a higher one"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		hint = ": no network interface here has it"
	}
	return fmt.Errorf("reactor: listen %s: %w%s", address, err, hint)
}

func isUnix(url string) bool {
	a, err := parseAddress(url)
	return err == nil && a.unix()
}
