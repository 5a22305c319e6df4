//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/iomux/internal/sys"
)

// Socket is what one address is served on: one socket, or several over which the
// kernel spreads what comes in (SO_REUSEPORT).
type Socket struct {
	// Name is what the owner calls it, at most 255 bytes of text. It may be empty.
	Name string
	// URL is its address, tcp://127.0.0.1:7000 for example, as reactor's listeners
	// give theirs.
	URL string
	// Files hold the descriptors. To use one, as Adopt does, duplicate it: it is
	// closed with its File, also when nobody holds the File any more. Do not call
	// Fd of a File that package net has made, which makes the socket blocking in
	// all processes.
	Files []*os.File
}

// Packet reports whether the socket is for datagrams.
func (s Socket) Packet() bool {
	return strings.HasPrefix(s.URL, "udp") || strings.HasPrefix(s.URL, "unixgram")
}

// Close closes the Files. Sockets of which somebody has duplicates stay open.
// Closing twice is fine.
func (s Socket) Close() error {
	var errs []error
	for _, f := range s.Files {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, fmt.Errorf("handover: close: %w", err))
		}
	}
	return errors.Join(errs...)
}

// closeAll closes sockets that nobody will get.
func closeAll(sockets []Socket) {
	for _, s := range sockets {
		_ = s.Close() // nothing was written to them
	}
}

// number is the descriptor of a File, good as long as that is not closed. Unlike
// File.Fd it leaves the socket as it is, which other processes have, too.
func number(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	return fd, err
}

// numbers are the descriptors of all Files, in order.
func numbers(sockets []Socket) (list []int, err error) {
	for _, s := range sockets {
		for _, f := range s.Files {
			fd, err := number(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.URL, err)
			}
			list = append(list, fd)
		}
	}
	return list, nil
}

// closeNumbers closes descriptors that have no File yet.
func closeNumbers(list []int) {
	for _, fd := range list {
		_ = sys.Close(fd) // nothing was written to them
	}
}
