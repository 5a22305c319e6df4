package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
)

// The errors of this package; they come wrapped with what was looked up. What else
// a resolver fails with is wrapped as it is.
var (
	// ErrName: not the name of a host, nor an address.
	ErrName = errors.New("neither a host name nor a full IP address")
	// ErrNotFound: there is no such host, address, service or protocol.
	ErrNotFound = errors.New("not found")
	// ErrTimeout: the resolver has not answered in time.
	ErrTimeout = errors.New("no answer in time")
	// ErrFamily: the address is not of the family that was asked for.
	ErrFamily = errors.New("address of another family")
	// ErrPort: not the number of a port.
	ErrPort = errors.New("not a port, want 0 to 65535")
	// ErrKind: there is no socket of that type with that protocol.
	ErrKind = errors.New("no such socket")
)

// Resolver asks the network. A *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// Book is where things are looked up. Any goroutine may use it, if its Resolver
// allows that. A path may be that of no file: then nothing is in it.
type Book struct {
	Resolver     Resolver
	HostsFile    string // like hosts(5)
	ServicesFile string // like services(5)
	Hostname     func() (string, error)
}

// System is the Book of this machine.
func System() *Book {
	return &Book{
		Resolver:     net.DefaultResolver,
		HostsFile:    "/etc/hosts",
		ServicesFile: "/etc/services",
		Hostname:     os.Hostname,
	}
}

// maxFile bounds what is read of a file. Lists of hosts to block have some
// megabytes.
const maxFile = 16 << 20

// readFile is the text of a file, as far as there is one.
func readFile(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return text
}

// failed is what became of a look-up that a resolver failed at.
func failed(what string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		err = ErrNotFound
	case errors.As(err, &dns) && dns.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		err = ErrTimeout
	}
	return fmt.Errorf("names: %s: %w", what, err)
}
