package itest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// families are the same addresses in both families: this machine's, all of this
// machine's, and one that is somebody else's.
var families = []struct{ own, all, others string }{
	{"127.0.0.1", "0.0.0.0", "192.0.2.1"},
	{"[::1]", "[::]", "[2001:db8::1]"},
}

// talk connects from inside a network and wants an echo.
func (n *network) talk(to netip.AddrPort) error {
	conn, err := dial(to.String(), nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	return exchange(conn, message)
}

// N6: both families behave the same, and what cannot be says why.
func TestAddressesOfBothFamilies(t *testing.T) {
	leaktest.Check(t)
	n := ownNetwork(t)
	group := openGroup(t, reactor.Options{Loops: 2})
	for _, f := range families {
		refused := func(url string, want error, hint string) {
			t.Helper()
			ln, err := group.Listen(url, echo.Handler{}, reactor.ListenOptions{})
			if err == nil {
				ln.Close()
				t.Errorf("%s: nothing is wrong", url)
				return
			}
			if !errors.Is(err, want) || !strings.Contains(err.Error(), hint) || !strings.Contains(err.Error(), strings.TrimSuffix(url, ":0")) {
				t.Errorf("%s: %v; want %v, %q and the address", url, err, want, hint)
			}
		}
		ln := listen(t, group, "tcp://"+f.own+":0", echo.Handler{}, reactor.ListenOptions{})
		addr := addrPort(t, ln)
		other := addrPort(t, listen(t, group, "tcp://"+f.own+":0", echo.Handler{}, reactor.ListenOptions{}))
		if addr.Port() == 0 || other.Port() == 0 || addr.Port() == other.Port() || ln.URL() != "tcp://"+addr.String() {
			t.Errorf("%s: port 0 became %d and %d, URL %s", f.own, addr.Port(), other.Port(), ln.URL())
		}
		for range 16 { // all loops have the same port
			if err := n.talk(addr); err != nil {
				t.Errorf("%v: %v", addr, err)
			}
		}
		const inUse = "something listens there already; choose another port, or 0"
		refused(ln.URL(), syscall.EADDRINUSE, inUse)
		refused("tcp://"+f.all+":"+portOf(addr), syscall.EADDRINUSE, inUse)
		refused("tcp://"+f.others+":0", syscall.EADDRNOTAVAIL, "no network interface here has it")
		ln.Close()
		settled(t, group)
		if err := n.talk(addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v, closed: %v", addr, err)
		}
		again := listen(t, group, ln.URL(), echo.Handler{}, reactor.ListenOptions{}) // whatever lingers
		if err := n.talk(addr); err != nil {
			t.Errorf("%v, opened again: %v", addr, err)
		}
		again.Close()
	}

	// Dual stack: [::] has both, tcp6 leaves IPv4 to others.
	both := addrPort(t, listen(t, group, "tcp://[::]:0", echo.Handler{}, reactor.ListenOptions{}))
	for _, ip := range []string{"127.0.0.1", "::1"} {
		if err := n.talk(netip.AddrPortFrom(netip.MustParseAddr(ip), both.Port())); err != nil {
			t.Errorf("[::] by %s: %v", ip, err)
		}
	}
	six := addrPort(t, listen(t, group, "tcp6://[::]:0", echo.Handler{}, reactor.ListenOptions{}))
	four := fmt.Sprintf("tcp4://0.0.0.0:%d", six.Port())
	listen(t, group, four, echo.Handler{}, reactor.ListenOptions{}).Close()
	if err := n.talk(netip.AddrPortFrom(netip.MustParseAddr("::1"), six.Port())); err != nil {
		t.Errorf("tcp6: %v", err)
	}
}

// N6: a link-local address means another one on each interface. Two servers with
// the same address and port on two interfaces each get their own clients.
func TestScopes(t *testing.T) {
	leaktest.Check(t)
	ip := tool(t, "ip")
	n := ownNetwork(t)
	n.run("", ip, "link", "add", "left", "type", "veth", "peer", "name", "right")
	for _, name := range []string{"left", "right"} {
		n.run("", ip, "address", "add", "fe80::1/64", "dev", name, "nodad")
		n.run("", ip, "link", "set", name, "up")
	}
	group := openGroup(t, reactor.Options{Loops: 2})
	left, right := &counted{t: t}, &counted{t: t}
	ln := listen(t, group, "tcp://[fe80::1%25left]:0", left, reactor.ListenOptions{})
	port := ln.Addr().(*net.TCPAddr).Port
	if _, err := group.Listen(ln.URL(), left, reactor.ListenOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the listener's own URL is not one to listen at: %v, want EADDRINUSE", err)
	}
	listen(t, group, fmt.Sprintf("tcp://[fe80::1%%25right]:%d", port), right, reactor.ListenOptions{})
	for zone, h := range map[string]*counted{"left": left, "right": right} {
		for range 10 {
			if err := n.talk(netip.AddrPortFrom(netip.MustParseAddr("fe80::1%"+zone), uint16(port))); err != nil {
				t.Fatalf("%s: %v", zone, err)
			}
		}
		if got := h.opened.Load(); got != 10 {
			t.Errorf("of 10 clients on %s the server there saw %d", zone, got)
		}
	}
	for url, want := range map[string]error{
		"tcp://[fe80::1]:0":            syscall.EINVAL, // where?
		"tcp://[fe80::1%25nowhere]:0":  reactor.ErrAddress,
		"tcp://[fe80::1%2599999999]:0": nil, // an error, as the kernel says it
	} {
		ln, err := group.Listen(url, left, reactor.ListenOptions{})
		switch {
		case err == nil:
			ln.Close()
			t.Errorf("%s: nothing is wrong", url)
		case want != nil && !errors.Is(err, want):
			t.Errorf("%s: %v, want %v", url, err, want)
		default:
			t.Log(err)
		}
	}
}

// N6: the program says what is wrong with an address on standard error, in one
// line, and exits with 1.
func TestAddressesThatTheProgramCannotHave(t *testing.T) {
	s := serve(t)
	taken := func(url string, words ...string) string {
		t.Helper()
		p := launch(t, nil, nil, slices.Concat(words, []string{"echo", "--listen", url})...)
		if status := p.wait(); status != 1 {
			t.Errorf("%s: exit status %d, want 1", url, status)
		}
		if out := p.log.String(); strings.Count(out, "\n") != 1 {
			t.Errorf("%s: more than a line:\n%s", url, out)
		}
		return p.log.String()
	}
	if out := taken("tcp://"+s.address, program); !strings.Contains(out, "address already in use") {
		t.Errorf("the second program at one port: %s", out)
	}
	s.end()

	nobody := append(asNobody(t), publicCopy(t, program))
	for _, f := range families {
		url := "tcp://" + f.own + ":80"
		if out := taken(url, nobody...); !strings.Contains(out, "permission denied") || !strings.Contains(out, "ports below 1024 are for root") {
			t.Errorf("a port of root's: %s", out)
		}
	}
}

// N6: one program serves hundreds of addresses.
func TestManyAddresses(t *testing.T) {
	const many = 150
	ip := tool(t, "ip")
	n := ownNetwork(t)
	words := []string{program, "echo"}
	var batch strings.Builder
	for i := range many {
		fmt.Fprintf(&batch, "address add 2001:db8::%x/128 dev lo nodad\n", i+1)
		words = append(words, "--listen", fmt.Sprintf("tcp://127.0.1.%d:0", i+1), "--listen", fmt.Sprintf("tcp://[2001:db8::%x]:0", i+1))
	}
	n.run(batch.String(), ip, "-batch", "-")
	p := launch(t, nil, nil, words...)
	for range 2 * many {
		line := p.line()
		addr, err := netip.ParseAddrPort(strings.TrimPrefix(line, "listening tcp://"))
		if err != nil {
			t.Fatalf("the program said %q", line)
		}
		if err := n.talk(addr); err != nil {
			t.Errorf("%v: %v", addr, err)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
