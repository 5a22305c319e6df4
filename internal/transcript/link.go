package transcript

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxDatagram is more than any datagram of UDP has.
const maxDatagram = 1 << 16

// link is the client's end of one connection, or its socket for datagrams.
type link struct {
	conn     net.Conn
	in       *bufio.Reader     // of a stream, nil for datagrams
	known    map[string]string // placeholders for its addresses
	patience time.Duration     // bounds each step
	dir      string            // of a socket file, to be removed
}

// isStream reports what a network carries.
func isStream(network string) (bool, error) {
	switch network {
	case "tcp", "tcp4", "tcp6", "unix", "unixpacket":
		return true, nil
	case "udp", "udp4", "udp6", "unixgram":
		return false, nil
	}
	return false, net.UnknownNetworkError(network)
}

// open connects to a server.
func open(network, address string, patience time.Duration) (l *link, err error) {
	stream, err := isStream(network)
	if err != nil {
		return nil, err
	}
	l = &link{patience: patience, known: map[string]string{}}
	switch network {
	case "unixgram":
		err = l.openUnixgram(address)
	case "udp", "udp4", "udp6":
		l.conn, err = openUDP(network, address)
	default:
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		l.conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	if stream {
		l.in = bufio.NewReaderSize(l.conn, maxDatagram) // a packet of unixpacket must fit, too
	}
	l.know(host, port, l.conn.LocalAddr())
	l.know(serverHost, serverPort, l.conn.RemoteAddr())
	return l, nil
}

// openUnixgram binds the socket to a file: without a name the client could not be
// answered.
func (l *link) openUnixgram(address string) (err error) {
	if l.dir, err = os.MkdirTemp("", "wire"); err != nil { // short, as such names must be
		return err
	}
	own := &net.UnixAddr{Name: filepath.Join(l.dir, "client"), Net: "unixgram"}
	conn, err := net.DialUnix("unixgram", own, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return err
	}
	l.conn = conn
	return nil
}

// openUDP makes a connected socket, but for a group of receivers: they answer
// from addresses of their own.
func openUDP(network, address string) (net.Conn, error) {
	to, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	if !to.IP.IsMulticast() {
		return net.DialUDP(network, nil, to)
	}
	own := net.IPv4(127, 0, 0, 1) // and so leaves through the loopback interface
	if to.IP.To4() == nil {
		own = net.IPv6loopback
	}
	conn, err := net.ListenUDP(network, &net.UDPAddr{IP: own})
	if err == nil && conn.LocalAddr().(*net.UDPAddr).Port == to.Port {
		// The kernel may give that port, for the group is another address; but servers do
		// not answer who has their own, as that may be one of them.
		defer conn.Close()
		conn, err = net.ListenUDP(network, &net.UDPAddr{IP: own})
	}
	if err != nil {
		return nil, err
	}
	return groupConn{conn, to}, nil
}

// groupConn sends to a group and receives from anyone.
type groupConn struct {
	*net.UDPConn
	group *net.UDPAddr
}

func (c groupConn) Write(p []byte) (int, error) { return c.WriteToUDP(p, c.group) }

func (c groupConn) RemoteAddr() net.Addr { return c.group }

// know keeps what the placeholders of an address stand for. Unix sockets have no
// host and no port.
func (l *link) know(host, port string, a net.Addr) {
	h, p, err := net.SplitHostPort(a.String())
	if err == nil && a.Network() != "unix" && a.Network() != "unixgram" && a.Network() != "unixpacket" {
		l.known[host], l.known[port] = h, p
	}
}

func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.dir != "" {
		_ = os.RemoveAll(l.dir) // in the system's directory for such things
	}
}

// begin gives a step its time.
func (l *link) begin() error { return l.conn.SetDeadline(time.Now().Add(l.patience)) }

// send sends bytes with one write, or one datagram.
func (l *link) send(p string) error {
	if err := l.begin(); err != nil {
		return err
	}
	_, err := io.WriteString(l.conn, p)
	return err
}

// sendEOF half-closes a stream.
func (l *link) sendEOF() error {
	half, ok := l.conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("%s cannot be half-closed", l.conn.LocalAddr().Network())
	}
	return half.CloseWrite()
}

// receive compares what arrives with a text. It returns what arrived; when that
// differs, with all that has arrived behind it. At is where the difference is.
func (l *link) receive(t Text, kept map[string]uint64) (got []byte, at int, err error) {
	if err := l.begin(); err != nil {
		return nil, 0, err
	}
	v := values{l.known, kept}
	if l.in == nil {
		return l.receiveDatagram(t, v)
	}
	got, err = t.match(l.in, v)
	at = max(len(got)-1, 0)
	if err != nil {
		got = l.drain(got)
	}
	return got, at, err
}

func (l *link) receiveDatagram(t Text, v values) (got []byte, at int, err error) {
	got = make([]byte, maxDatagram)
	n, err := l.conn.Read(got)
	got = got[:n]
	if err != nil {
		return got, 0, err
	}
	in := bytes.NewReader(got)
	seen, err := t.match(in, v)
	switch {
	case errors.Is(err, io.EOF): // too short
		return got, n, errDiffers
	case err == nil && in.Len() > 0:
		return got, len(seen), errDiffers
	}
	return got, max(len(seen)-1, 0), err
}

// drain adds to got what the stream has brought already.
func (l *link) drain(got []byte) []byte {
	rest, _ := l.in.Peek(l.in.Buffered()) // no error: so much is there
	got = append(got, rest...)
	_, _ = l.in.Discard(len(rest))
	return got
}

// receiveEOF wants the stream's end.
func (l *link) receiveEOF() (got []byte, err error) {
	if err := l.begin(); err != nil {
		return nil, err
	}
	c, err := l.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return l.drain([]byte{c}), errDiffers
}
