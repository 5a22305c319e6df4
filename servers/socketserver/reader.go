//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"example.com/iomux/reactor"
)

// The errors of this package, beside those of the reactor.
var (
	// ErrLineTooLong: a line has more than Options.LineLimit bytes. It is not read
	// to its end, so there is no way to go on.
	ErrLineTooLong = errors.New("line too long")
	// ErrTimedOut: a read after one that has timed out, see Options.IOTimeout. In
	// Python it is "cannot read from timed out object".
	ErrTimedOut = errors.New("cannot read after a timeout")
)

// reader is the side of a Request that reads: rfile.
type reader struct {
	in       *bufio.Reader // nil: nothing was read yet
	rest     []byte        // of a datagram, what was not read
	long     []byte        // a line that did not fit the buffer
	timedOut bool
}

// readers are of all servers, as long as the buffers have the usual size.
var readers sync.Pool

const usualBuffer = 8192

// Reader is what Read and ReadLine read from. Of a datagram it reads that.
func (r *Request) Reader() *bufio.Reader {
	if r.in != nil {
		return r.in
	}
	var from io.Reader = (*source)(r)
	size := r.server.options.ReadBufferSize
	if size == usualBuffer {
		if in, ok := readers.Get().(*bufio.Reader); ok {
			in.Reset(from)
			r.in = in
			return in
		}
	}
	r.in = bufio.NewReaderSize(from, size)
	return r.in
}

// releaseReader gives the buffer to others.
func (r *Request) releaseReader() {
	if r.in != nil && r.in.Size() == usualBuffer && r.done {
		r.in.Reset(nil)
		readers.Put(r.in)
	}
	r.in, r.long = nil, nil
}

// source is what the buffer is filled from.
type source Request

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	r := (*Request)(s)
	if r.conn == nil {
		n := copy(p, r.rest)
		if r.rest = r.rest[n:]; n == 0 && len(p) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	if err := r.mayReceive(); err != nil {
		return 0, err
	}
	return r.receive(p)
}

// mayReceive begins a read that must be over within Options.IOTimeout.
func (r *Request) mayReceive() error {
	d := r.server.options.IOTimeout
	switch {
	case r.timedOut:
		return fmt.Errorf("socketserver: read from %s: %w", r.name(), ErrTimedOut)
	case d > 0:
		return r.conn.SetReadDeadline(time.Now().Add(d))
	}
	return nil
}

// receive reads from the connection.
func (r *Request) receive(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	r.timedOut = errors.Is(err, os.ErrDeadlineExceeded)
	return n, err
}

// Read reads what there is, at least a byte, and waits for it if need be. Errors:
// io.EOF; ErrTimedOut; os.ErrDeadlineExceeded, after Options.IOTimeout; those of the
// connection.
func (r *Request) Read(p []byte) (int, error) {
	if r.slicer() != nil {
		return (*source)(r).Read(p)
	}
	return r.Reader().Read(p)
}

// slicer is the connection if it needs no buffer to find the end of a line. One that
// SetConn has put in its place may only look as if.
func (r *Request) slicer() *reactor.Stream {
	if r.in != nil {
		return nil
	}
	s, _ := r.conn.(*reactor.Stream)
	return s
}

// ReadLine reads a line, with the newline that ends it. The last one may have none, as
// in Python's readline. The line is good until the next call that reads. Errors:
// io.EOF, there is nothing more; ErrLineTooLong; those of Read.
func (r *Request) ReadLine() ([]byte, error) {
	limit := r.server.options.LineLimit
	if s := r.slicer(); s != nil {
		return r.slice(s, limit)
	}
	in := r.Reader()
	r.long = r.long[:0]
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case len(r.long)+len(part) > limit:
			return nil, fmt.Errorf("socketserver: read from %s: %w (%d bytes at most)", r.name(), ErrLineTooLong, limit)
		case err == nil && len(r.long) == 0:
			return part, nil
		}
		r.long = append(r.long, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(r.long) > 0:
			return r.long, nil
		case err != nil:
			return nil, err
		}
		return r.long, nil
	}
}

// slice is ReadLine without a buffer.
func (r *Request) slice(s *reactor.Stream, limit int) ([]byte, error) {
	if err := r.mayReceive(); err != nil {
		return nil, err
	}
	line, err := s.ReadSlice('\n', limit)
	r.long = append(r.long[:0], line...) // the loop's, which needs its place when the handler waits
	switch {
	case err == nil || errors.Is(err, io.EOF) && len(line) > 0:
		return r.long, nil
	case errors.Is(err, reactor.ErrReadLimit):
		return nil, fmt.Errorf("socketserver: read from %s: %w (%d bytes at most)", r.name(), ErrLineTooLong, limit)
	}
	r.timedOut = errors.Is(err, os.ErrDeadlineExceeded)
	return nil, err
}

// Recv is one read of the connection, past the buffer of Read, of n bytes at most, as
// recv of Python's request. The bytes are the caller's. At the end there are none, and
// the error is io.EOF. Of a datagram it is the rest of that.
func (r *Request) Recv(n int) ([]byte, error) {
	p := make([]byte, n)
	var err error
	if r.conn == nil {
		n, err = (*source)(r).Read(p)
	} else if err = r.mayReceive(); err == nil {
		n, err = r.receive(p)
	} else {
		n = 0
	}
	return p[:n:n], err
}
