//go:build linux

package load

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// udpServer runs a server in this process that is gone with the test: answer
// says what to send, and to whom, for the nth datagram, from 1.
func udpServer(t *testing.T, answer func(n int, d []byte, from netip.AddrPort, send func([]byte, netip.AddrPort))) netip.AddrPort {
	t.Helper()
	s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadBuffer(4 << 20)
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 1<<16)
		for n := 1; ; n++ {
			size, from, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return // closed below
			}
			answer(n, slices.Clone(buf[:size]), from, func(p []byte, to netip.AddrPort) { s.WriteToUDPAddrPort(p, to) })
		}
	})
	t.Cleanup(func() {
		s.Close()
		done.Wait()
	})
	return s.LocalAddr().(*net.UDPAddr).AddrPort()
}

func udpEcho(_ int, d []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) { send(d, from) }

func TestUDP(t *testing.T) {
	shapes := map[string]Config{
		"one":       {Conns: 1, Size: 64},
		"many":      {Conns: 50, Size: 64},
		"deep":      {Conns: 4, Size: 64, Depth: 16},
		"very deep": {Conns: 2, Size: 8, Depth: most + 3},
		"large":     {Conns: 2, Size: 40_000, Depth: 3},
		"largest":   {Conns: 1, Size: MaxDatagram},
	}
	for _, b := range iomux.Backends() {
		for name, c := range shapes {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				c.Kind, c.Addr, c.Backend, c.Messages = UDP, udpServer(t, udpEcho), b, 2000
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				if r.Messages < 1 || r.Messages > 2000 || len(r.Shares) != c.Conns || r.Connected != c.Conns {
					t.Errorf("%d messages, shares %v", r.Messages, r.Shares)
				}
			})
		}
	}
}

// TestUDPLoss: a server that drops every tenth datagram and is late with every
// twelfth is no liar, and all of it is counted.
func TestUDPLoss(t *testing.T) {
	dropped, late := 0, 0
	var kept []byte
	addr := udpServer(t, func(n int, d []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
		switch {
		case n == 5:
			kept = d
			late++
		case n%10 == 0 && n <= 40:
			dropped++
		default:
			send(d, from)
			// By the hundredth, those in between have been given up: else the
			// sixteen that may be on their way are not enough for so many.
			if n == 100 {
				<-time.After(time.Duration(lostAfter + 2*lostTick))
				send(kept, from)
			}
		}
	})
	r, err := Run(Config{Kind: UDP, Addr: addr, Conns: 1, Size: 64, Depth: 16, Messages: 1000, Duration: MaxTime})
	if err != nil {
		t.Fatal(err)
	}
	// Those before the window opened are not in it; there is no warm-up, so
	// that they are few, and a busy machine may lose or delay more.
	if r.Lost < 4 || r.Late < 1 {
		t.Errorf("%d lost, %d late; %d dropped, %d kept back", r.Lost, r.Late, dropped, late)
	}
	if r.Messages > 1000 || r.Messages < 900 {
		t.Errorf("%d messages", r.Messages)
	}
}

func TestUDPLiars(t *testing.T) {
	type sender = func([]byte, netip.AddrPort)
	var last []byte
	var other netip.AddrPort
	liars := map[string]func(n int, d []byte, from netip.AddrPort, send sender){
		"flips a bit": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 50 {
				d[len(d)-1] ^= 1
			}
			send(d, from)
		},
		"flips the number": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 50 {
				d[0] ^= 1
			}
			send(d, from)
		},
		"repeats": func(n int, d []byte, from netip.AddrPort, send sender) {
			if send(d, from); n == 50 {
				send(d, from)
			}
		},
		"repeats an older one": func(n int, d []byte, from netip.AddrPort, send sender) {
			if send(d, from); n == 5 {
				last = d
			}
			if n == 50 {
				send(last, from)
			}
		},
		"cuts": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 50 {
				d = d[:len(d)-1]
			}
			send(d, from)
		},
		"sends nothing for one": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 50 {
				d = nil
			}
			send(d, from)
		},
		"adds": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 50 {
				d = append(d, 0)
			}
			send(d, from)
		},
		"mixes two": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 49 {
				last = d
			}
			if n == 50 {
				copy(d[headSize:], last[headSize:])
			}
			send(d, from)
		},
		"sends to another": func(n int, d []byte, from netip.AddrPort, send sender) {
			if n == 1 {
				other = from
			}
			if n > 50 {
				from = other
			}
			send(d, from)
		},
	}
	for name, lie := range liars {
		t.Run(name, func(t *testing.T) {
			_, err := Run(Config{Kind: UDP, Addr: udpServer(t, lie), Conns: 2, Size: 64, Depth: 4, Messages: 1000})
			if !errors.Is(err, ErrWrongEcho) {
				t.Errorf("got %v, want %v", err, ErrWrongEcho)
			}
		})
	}
}

// TestUDPLastLook: what comes when everything is answered is wrong, too.
func TestUDPLastLook(t *testing.T) {
	var again atomic.Value // of the last, for there is one at a time
	addr := udpServer(t, func(_ int, d []byte, from netip.AddrPort, send func([]byte, netip.AddrPort)) {
		again.Store(func() { send(d, from) })
		send(d, from)
	})
	_, err := Run(Config{Kind: UDP, Addr: addr, Conns: 1, Size: 64, Messages: 100, Ended: func() error { again.Load().(func())(); return nil }})
	if !errors.Is(err, ErrWrongEcho) {
		t.Errorf("got %v, want %v", err, ErrWrongEcho)
	}
}

func TestBrokenUDP(t *testing.T) {
	silent := udpServer(t, func(int, []byte, netip.AddrPort, func([]byte, netip.AddrPort)) {})
	_, err := Run(Config{Kind: UDP, Addr: silent, Conns: 2, Size: 64, Messages: 100, Patience: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "no echo for") {
		t.Errorf("silent: %v", err)
	}
	// A port that nobody has: this one is bound to, but another address.
	s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.2:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nobody := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	if _, err := Run(Config{Kind: UDP, Addr: nobody, Conns: 1, Size: 64, Messages: 100}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestDatagramVerdicts: what a socket makes of a datagram, one by one.
func TestDatagramVerdicts(t *testing.T) {
	g := &generator{Config: Config{Conns: 2, Depth: 2, Size: 64}, phase: draining}
	u := &udp{simple: simple{g}, pattern: newPattern(g.Size)}
	p := newPeer(u, -1, 3)
	p.slots[1] = flight{seq: 5, out: true}
	p.lost[3] = struct{}{}
	datagram := func(id uint32, seq uint64) []byte {
		d := make([]byte, g.Size)
		u.pattern.fill(d, id, seq)
		return d
	}
	right := datagram(3, 5)
	longer := append(slices.Clone(right), u.pattern.table[head(3, 5)%windows+64])
	for _, test := range []struct {
		name string
		d    []byte
		ok   bool
	}{
		{"another socket's", datagram(4, 5), false},
		{"of the same slot, not sent yet", datagram(3, 7), false},
		{"of another slot, never sent", datagram(3, 0), false},
		{"answered before", datagram(3, 1), false},
		{"with a byte more that goes on well", longer, false},
		{"given up", datagram(3, 3), true},
		{"given up, again", datagram(3, 3), false},
		{"on its way", right, true},
		{"on its way, again", right, false},
	} {
		if err := p.take(test.d, 0); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrWrongEcho) {
			t.Errorf("a datagram %s: %v", test.name, err)
		}
	}
	if g.answered != 1 || len(p.lost) != 0 {
		t.Errorf("%d answered, lost %v", g.answered, p.lost)
	}
}

// TestSending: both ways to send several put the same on the wire.
func TestSending(t *testing.T) {
	d := newDatagrams(3, 8)
	s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := target(s.LocalAddr().(*net.UDPAddr).AddrPort())
	if err := unix.Connect(fd, &to); err != nil {
		t.Fatal(err)
	}
	copy(d.bytes, "datagramNumber 2Number 3")
	if n, e := d.send(fd, 3); n != 3 || e != 0 {
		t.Fatalf("%d sent: %v", n, e)
	}
	if segment(fd, 8) {
		if n, e := d.sendSegments(fd, 3); n != 3 || e != 0 {
			t.Fatalf("%d segments sent: %v", n, e)
		}
	} else {
		d.send(fd, 3)
	}
	for i := range 6 {
		buf := make([]byte, 100)
		n, err := s.Read(buf)
		if want := d.whole(i % 3); err != nil || string(buf[:n]) != string(want) {
			t.Errorf("datagram %d: %q, %v; want %q", i, buf[:n], err, want)
		}
	}
}

func TestUnmix(t *testing.T) {
	for i := range uint64(1000) {
		x := i * 0x123456789abcdef
		if unmix(mix(x)) != x {
			t.Fatalf("unmix(mix(%#x)) = %#x", x, unmix(mix(x)))
		}
	}
}
