//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// job is what a child is told about its request, beside the socket. It goes through a
// pipe or a socket as the lengths of two parts, in four bytes each, the higher ones
// first; then the parts: what has a name here, in JSON, and the body.
type job struct {
	URL       string // of the server
	Server    name
	Client    name
	Number    int
	Stream    bool // else it is a datagram
	Truncated bool

	// What Options say in the parent.
	ReadBufferSize, WriteBufferSize, LineLimit int
	MaxPacketSize                              int
	IOTimeout                                  time.Duration
	SuppressEmptyReply                         bool

	// body is the datagram; of a connection, what the parent has read and not used.
	body []byte
}

const (
	frameHead = 8
	// maxNames and maxBody tell nonsense from a job. A parent never has that much.
	maxNames = 1 << 20
	maxBody  = 1 << 30
)

// frame is the job as it is sent.
func (j *job) frame() ([]byte, error) {
	names, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	p := make([]byte, 0, frameHead+len(names)+len(j.body))
	p = binary.BigEndian.AppendUint32(p, uint32(len(names)))
	p = binary.BigEndian.AppendUint32(p, uint32(len(j.body)))
	return append(append(p, names...), j.body...), nil
}

// readJob reads a frame.
func readJob(from io.Reader) (*job, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, fmt.Errorf("read what to serve: %w", err)
	}
	j := &job{}
	return j, j.read(head, from)
}

// read reads what follows the head of a frame.
func (j *job) read(head [frameHead]byte, from io.Reader) error {
	names, body := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if names > maxNames || body > maxBody {
		return errors.New("read what to serve: that is something else")
	}
	p := make([]byte, names+body)
	if _, err := io.ReadFull(from, p); err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	if err := json.Unmarshal(p[:names], j); err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	j.body = p[names:]
	return nil
}

// name is an address, for JSON. That of a Unix socket may be any bytes.
type name struct {
	Network string // "": there is none
	Text    []byte
}

// nameOf is the name of an address, which may be nil.
func nameOf(addr net.Addr) name {
	if addr == nil {
		return name{}
	}
	return name{addr.Network(), []byte(addr.String())}
}

// addr is the address again.
func (n name) addr() net.Addr {
	switch n.Network {
	case "":
		return nil
	case "unix", "unixgram":
		return &net.UnixAddr{Name: string(n.Text), Net: n.Network}
	}
	inet, err := netip.ParseAddrPort(string(n.Text))
	switch {
	case err != nil:
		return nil
	case n.Network == "udp":
		return net.UDPAddrFromAddrPort(inet)
	}
	return net.TCPAddrFromAddrPort(inet)
}
