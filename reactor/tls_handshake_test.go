//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// crypto/tls reads on after an error only if that says that it is temporary.
func TestTLSReadsOnAfterWouldBlock(t *testing.T) {
	if !errWouldBlock.Temporary() || errWouldBlock.Timeout() || errWouldBlock.Error() == "" { //nolint:staticcheck // crypto/tls asks for it
		t.Error("crypto/tls would hold it against the connection that it has to wait")
	}
}

// A handshake has 10 s from when its connection was accepted, or what Timeouts says,
// whether the client says nothing, sends a byte now and then, or stops half-way; the
// handler never hears of it.
func TestTLSHandshakeTakesTooLong(t *testing.T) {
	for name, limit := range map[string]time.Duration{"default": 0, "3 s": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
				clock := &fakeClock{now: time.Unix(1_000_000, 0)}
				o.clock, o.Timeouts = clock.read, Timeouts{Handshake: limit}
				want := limit
				if limit == 0 {
					want = 10 * time.Second
				}
				g, ln, log := serveTLS(t, o, asks{
					handler{
						opened: func(*Conn) { t.Error("Opened was called") },
						closed: func(*Conn, error) { t.Error("Closed was called") },
					},
					func(*Conn, Timeout) bool { t.Error("TimedOut was called"); return true },
				}, serverTLS())
				l := g.loops[0]
				greeting := hello(t, client)
				var conns []net.Conn
				for _, n := range []int{0, 1, 6, len(greeting)} { // the last one has its answer, and is silent
					c := dial(t, ln)
					_, _ = c.Write(greeting[:n])
					conns = append(conns, c)
				}
				slow := conns[1]
				await(t, g, func() bool { return len(l.conns) == 4 && l.handshakes.running == 1 })
				for passed := time.Second; passed < want; passed += time.Second {
					clock.pass(t, l, time.Second)
					_, _ = slow.Write(greeting[int(passed/time.Second):][:1])
					settle(t, g)
				}
				clock.pass(t, l, time.Second-1)
				onLoop(t, l, func() {
					if len(l.conns) != 4 {
						t.Errorf("%d connections a nanosecond before the end, want 4", len(l.conns))
					}
				})
				clock.pass(t, l, 1)
				for _, c := range conns {
					_, _ = io.Copy(io.Discard, c) // to the end
				}
				await(t, g, func() bool { return len(l.conns) == 0 && len(l.coroutines) == 0 && l.handshakes.running == 0 })
				settle(t, g)
				if s := g.Stats(); s.HandshakeErrors != 4 || s.Timeouts != 4 {
					t.Errorf("%d handshakes failed, %d timeouts, want 4", s.HandshakeErrors, s.Timeouts)
				}
				if log.count("level=WARN") > 0 || log.count("timed out") != 4 {
					t.Errorf("the log has %d timeouts, %d warnings", log.count("timed out"), log.count("level=WARN"))
				}
			})
		})
	}
}

// What Timeouts.Handshake is about without TLS begins when the handshake is over.
func TestTLSGreetingTimeout(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock, o.Timeouts = clock.read, Timeouts{Handshake: 5 * time.Second, Idle: 7 * time.Second}
		ends := make(chan error, 1)
		opened := make(chan *Conn, 1)
		g, ln, _ := serveTLS(t, o, handler{
			opened: func(c *Conn) { opened <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		}, serverTLS())
		l := g.loops[0]
		raw := dial(t, ln)
		await(t, g, func() bool { return len(l.conns) == 1 })
		clock.pass(t, l, 4*time.Second)
		c := tls.Client(raw, clientTLS())
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		receive(t, opened)
		clock.pass(t, l, 5*time.Second-1)
		select {
		case err := <-ends:
			t.Fatalf("closed early with %v", err)
		default:
		}
		clock.pass(t, l, 1)
		if err := receive(t, ends); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), string(TimeoutHandshake)) {
			t.Errorf("closed with %v", err)
		}
		c = dialTLS(t, ln, clientTLS())
		conn := receive(t, opened)
		_, _ = io.WriteString(c, "x")
		await(t, g, func() bool { return conn.greeted })
		clock.pass(t, l, 6*time.Second)
		onLoop(t, l, func() {
			if err := conn.SetTimeouts(Timeouts{Idle: 100 * time.Second}); err != nil || conn.TLS() == nil {
				t.Errorf("SetTimeouts: %v, TLS: %v", err, conn.TLS())
			}
		})
		clock.pass(t, l, 93*time.Second)
		select {
		case err := <-ends:
			t.Fatalf("closed early with %v", err)
		default:
		}
		clock.pass(t, l, time.Second)
		if err := receive(t, ends); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), string(TimeoutIdle)) {
			t.Errorf("closed with %v", err)
		}
	})
}

// Five hundred clients at once all come through, whatever the bound, and nothing is
// left of their handshakes.
func TestTLSManyHandshakes(t *testing.T) {
	const clients = 500
	for v, limit := range map[uint16]int{tls.VersionTLS12: 0, tls.VersionTLS13: 64} {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			leaktest.Check(t)
			// With so many goroutines beside it a loop waits for a processor.
			g, ln, log := serveTLS(t, Options{Loops: 2, MaxHandshakes: limit, SlowCallback: -1}, echo, serverTLS())
			config := clientTLS()
			config.MaxVersion = v
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() {
					raw, err := net.Dial("tcp", ln.Addr().String())
					if err != nil {
						t.Error(err)
						return
					}
					defer raw.Close()
					_ = raw.SetDeadline(time.Now().Add(3 * patience)) // it is open
					c := tls.Client(raw, config)
					text, got := fmt.Sprint("client ", i), make([]byte, 10)
					if _, err := io.WriteString(c, text); err != nil {
						t.Error(err)
						return
					}
					if _, err := io.ReadFull(c, got[:len(text)]); err != nil || string(got[:len(text)]) != text {
						t.Errorf("got %q and %v, want %q", got, err, text)
					}
				})
			}
			wg.Wait()
			for _, l := range g.loops {
				onLoop(t, l, func() {
					if h := &l.handshakes; h.running != 0 || len(h.queue) > 0 || len(l.coroutines) > 0 || len(l.strands) > keptStrands {
						t.Errorf("%d run, %d wait, %d coroutines, %d strands are left", h.running, len(h.queue), len(l.coroutines), len(l.strands))
					}
				})
				onLoop(t, l, func() {}) // the counts are published at the end of the turn
			}
			if s := g.Stats(); s.Handshakes != clients || s.HandshakeErrors != 0 {
				t.Errorf("%d handshakes, %d errors", s.Handshakes, s.HandshakeErrors)
			}
			if log.count("level=WARN") > 0 {
				t.Error("there is a warning in the log")
			}
		})
	}
}

// No more handshakes are under way than may be. Who waits is not read, does not lose
// what it has sent, and has its turn when another one ends, in whatever way; a client
// that has not said all of its first word is not one of them.
func TestTLSHandshakesAreBounded(t *testing.T) {
	const limit = 2
	everywhere(t, func(t *testing.T, o Options) {
		client := clientTLS()
		o.MaxHandshakes = limit
		g, ln, _ := serveTLS(t, o, echo, serverTLS())
		l := g.loops[0]
		greeting := hello(t, client)
		under := func(running, queued int) func() bool {
			return func() bool {
				if l.handshakes.running > limit {
					t.Errorf("%d are under way", l.handshakes.running)
				}
				return l.handshakes.running == running && len(l.handshakes.queue) == queued
			}
		}
		for range 5 { // they do not count
			c := dial(t, ln)
			_, _ = c.Write(greeting[:len(greeting)-1])
		}
		var idle []*net.TCPConn
		for range 2 * limit {
			c := dial(t, ln)
			_, _ = c.Write(greeting)
			idle = append(idle, c)
			await(t, g, func() bool { return l.handshakes.running+len(l.handshakes.queue) == len(idle) })
		}
		await(t, g, under(limit, limit))
		c := tls.Client(dial(t, ln), client)
		shaken := make(chan error, 1)
		go func() { shaken <- c.Handshake() }()
		await(t, g, under(limit, limit+1))
		for _, c := range idle[limit:] { // which wait
			_ = c.SetLinger(0)
			_ = c.Close()
		}
		await(t, g, under(limit, 1))
		select {
		case err := <-shaken:
			t.Fatalf("it did not wait for its turn: %v", err)
		default:
		}
		_ = idle[0].Close()
		if err := receive(t, shaken); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, "it is my turn")
		await(t, g, under(1, 0))
	})
}

// Who waits for its turn waits no longer than a handshake may take.
func TestTLSWaitingHasItsTime(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock, o.MaxHandshakes = clock.read, 1
		g, ln, _ := serveTLS(t, o, echo, serverTLS())
		l := g.loops[0]
		for range 3 {
			c := dial(t, ln)
			_, _ = c.Write(hello(t, clientTLS()))
		}
		await(t, g, func() bool { return l.handshakes.running == 1 && len(l.handshakes.queue) == 2 })
		clock.pass(t, l, shakeTime)
		await(t, g, func() bool { return l.handshakes.running == 0 && len(l.handshakes.queue) == 0 && len(l.conns) == 0 })
		roundTrip(t, dialTLS(t, ln, clientTLS()), "and then")
	})
}

// A loop that has spent its time on handshakes goes on with others first.
func TestTLSHandshakesTakeTurns(t *testing.T) {
	const clients = 20
	everywhere(t, func(t *testing.T, o Options) {
		var begun, most atomic.Int32
		var turn uint64
		config := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			l := h.Conn.(*wire).s.loop
			if l.counts.Turns != turn {
				turn = l.counts.Turns
				begun.Store(0)
			}
			most.Store(max(most.Load(), begun.Add(1)))
			for end := time.Now().Add(beginTime); time.Now().Before(end); { // a key that takes long
			}
			c := localhost()
			return &c, nil
		}}
		g, ln, _ := serveTLS(t, o, echo, config)
		l := g.loops[0]
		goOn := standStill(t, l)
		var wg sync.WaitGroup
		for range clients {
			raw := dial(t, ln)
			wg.Go(func() {
				if err := tls.Client(raw, clientTLS()).Handshake(); err != nil {
					t.Error(err)
				}
			})
		}
		goOn()
		wg.Wait()
		if n := most.Load(); n > 2 { // one that arrives, and one that has waited
			t.Errorf("%d began in one turn", n)
		}
	})
}

// What is no handshake ends the connection, with the alert that crypto/tls has for
// it, and nobody is woken by a warning.
func TestTLSGarbage(t *testing.T) {
	old := func(version uint16) []byte {
		return hello(t, &tls.Config{ServerName: "localhost", MinVersion: version, MaxVersion: version}) // staticcheck: it is refused
	}
	const protocolVersion, recordOverflow, unexpectedMessage = "70", "22", "10"
	for name, c := range map[string]struct {
		sent  []byte
		alert string // "": none
	}{
		"HTTP":              {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ""},
		"a line":            {[]byte("hello\n"), ""},
		"random bytes":      {random(3000), ""},
		"SSLv2":             {append([]byte{0x80, 46, 1, 0, 2}, make([]byte, 43)...), protocolVersion},
		"TLS 1.0":           {old(tls.VersionTLS10), protocolVersion},
		"TLS 1.1":           {old(tls.VersionTLS11), protocolVersion},
		"SSLv3":             {append([]byte{22, 3, 0, 0, 45, 1, 0, 0, 41, 3, 0}, append(make([]byte, 33), 0, 2, 0, 47, 1, 0)...), protocolVersion},
		"a record too long": {append([]byte{22, 3, 1, 255, 255}, make([]byte, 100)...), recordOverflow},
		"data first":        {[]byte{23, 3, 3, 0, 1, 0}, ""},
		"an alert":          {[]byte{21, 3, 1, 0, 2, 2, 40}, ""},
		"another message":   {[]byte{22, 3, 1, 0, 4, 14, 0, 0, 0}, unexpectedMessage},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				g, ln, log := serveTLS(t, o, handler{
					opened: func(*Conn) { t.Error("Opened was called") },
					closed: func(*Conn, error) { t.Error("Closed was called") },
				}, serverTLS())
				raw := dial(t, ln)
				_, _ = raw.Write(c.sent)
				got, err := io.ReadAll(raw)
				if err != nil && !gone(err) {
					t.Error(err)
				}
				alert := ""
				if len(got) == 7 && got[0] == 21 {
					alert = fmt.Sprint(got[6])
				}
				if alert != c.alert || alert == "" && len(got) > 0 {
					t.Errorf("got %v, want the alert %q", got, c.alert)
				}
				_ = raw.Close()
				await(t, g, func() bool { return len(g.loops[0].conns) == 0 && len(g.loops[0].coroutines) == 0 })
				settle(t, g)
				if s := g.Stats(); s.HandshakeErrors != 1 || s.Handshakes != 0 {
					t.Errorf("%d handshakes, %d errors", s.Handshakes, s.HandshakeErrors)
				}
				if log.count("level=WARN")+log.count("level=ERROR") > 0 || log.count("TLS handshake with") != 1 {
					t.Error("it is not in the log once, at debug")
				}
			})
		})
	}
}

// A reset, or an end, at any point of the handshake.
func TestTLSEndsInTheHandshake(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		g, ln, log := serveTLS(t, o, handler{
			opened: func(*Conn) { t.Error("Opened was called") },
			closed: func(*Conn, error) { t.Error("Closed was called") },
		}, serverTLS())
		l := g.loops[0]
		greeting := hello(t, client)
		n := uint64(0)
		for _, sent := range []int{0, 1, 7, len(greeting) - 1, len(greeting)} {
			for _, reset := range []bool{true, false} {
				c := dial(t, ln)
				_, _ = c.Write(greeting[:sent])
				await(t, g, func() bool { return len(l.conns) == 1 && (sent < len(greeting) || l.handshakes.running == 1) })
				if reset {
					_ = c.SetLinger(0)
				}
				_ = c.Close()
				n++
				await(t, g, func() bool {
					return len(l.conns) == 0 && len(l.coroutines) == 0 && l.handshakes.running == 0 && l.counts.HandshakeErrors == n
				})
			}
		}
		if log.count("level=WARN") > 0 {
			t.Error("there is a warning in the log")
		}
	})
}

// A new certificate is taken up by the connections that come, and none is lost.
func TestTLSReload(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var current atomic.Pointer[tls.Certificate]
		certs := []tls.Certificate{localhost(), testCA().issue("localhost", ecdsaKey())}
		current.Store(&certs[0])
		o.Loops = 2
		_, ln, _ := serveTLS(t, o, echo, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return current.Load(), nil
		}})
		long := dialTLS(t, ln, clientTLS())
		var seen [2]atomic.Int32
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, err := tls.Dial("tcp", ln.Addr().String(), clientTLS())
					if err != nil {
						t.Error(err)
						return
					}
					for i := range certs {
						if c.ConnectionState().PeerCertificates[0].Equal(certs[i].Leaf) {
							seen[i].Add(1)
						}
					}
					var got [1]byte
					_, _ = c.Write([]byte("x"))
					if _, err := io.ReadFull(c, got[:]); err != nil {
						t.Error(err)
					}
					_ = c.Close()
				}
			})
		}
		for i := range 10 {
			current.Store(&certs[i%2])
			before := seen[i%2].Load()
			for end := time.Now().Add(patience); seen[i%2].Load() < before+4; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatal("the new certificate is not taken up")
				}
			}
		}
		close(stop)
		wg.Wait()
		roundTrip(t, long, "still there")
	})
}

// Client certificates, names and protocols are the config's affair; the handler sees
// what was agreed on.
func TestTLSConfig(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		states := make(chan *tls.ConnectionState, 1)
		other := testCA().issue("other.example", ecdsaKey())
		g, ln, _ := serveTLS(t, o, handler{opened: func(c *Conn) { states <- c.TLS() }, data: echo.data}, &tls.Config{
			Certificates: []tls.Certificate{localhost(), other},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    testCA().pool,
			NextProtos:   []string{"second", "first"},
		})
		me := testCA().issue("client", ecdsaKey())
		client.Certificates = []tls.Certificate{me}
		client.NextProtos = []string{"first"}
		for _, name := range []string{"localhost", "other.example"} {
			client.ServerName = name
			c := dialTLS(t, ln, client)
			s := receive(t, states)
			if s.ServerName != name || s.NegotiatedProtocol != "first" || len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(me.Leaf) {
				t.Errorf("%s: the handler sees %+v", name, s)
			}
			if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != name {
				t.Errorf("%s: the certificate is of %s", name, got)
			}
			roundTrip(t, c, "hello")
		}
		client.Certificates = nil
		c := tls.Client(dial(t, ln), client)
		_, err := io.WriteString(c, "x") // in 1.3 the client's part is over before the server has looked
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		if err == nil || !strings.Contains(err.Error(), "certificate required") && !strings.Contains(err.Error(), "handshake failure") {
			t.Errorf("without a certificate: %v", err)
		}
		_ = c.Close()
		await(t, g, func() bool { return g.loops[0].counts.HandshakeErrors == 1 })
	})
}

// A key may be of any kind that crypto/tls knows.
func TestTLSRSA(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		_, ln, _ := serveTLS(t, o, echo, &tls.Config{Certificates: []tls.Certificate{localhostRSA()}})
		roundTrip(t, dialTLS(t, ln, client), "hello")
	})
}

// Any loop resumes a session that another has begun.
func TestTLSResumes(t *testing.T) {
	for _, v := range versions {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			leaktest.Check(t)
			g, _, _ := serve(t, Options{Loops: 2}, NopHandler{})
			loops := make(chan *Loop, 1)
			ln := listenAt(t, g, "tcp://127.0.0.1:0", handler{
				opened: func(c *Conn) { loops <- c.Loop() },
				data:   echo.data,
			}, ListenOptions{TLS: serverTLS(), Balance: RoundRobin})
			config := clientTLS()
			config.MaxVersion = v
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			var last *Loop
			for i := range 6 {
				c := dialTLS(t, ln, config)
				roundTrip(t, c, "hello") // which brings the ticket in 1.3
				if resumed := c.ConnectionState().DidResume; resumed != (i > 0) {
					t.Errorf("connection %d resumed: %v", i, resumed)
				}
				l := receive(t, loops)
				if l == last {
					t.Error("two in a row are on the same loop")
				}
				last = l
			}
		})
	}
}

// A callback of the config may wait beside the loop, which goes on meanwhile.
func TestTLSAwait(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		asked, answer := make(chan string), make(chan error)
		config := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.Conn.RemoteAddr() == nil || h.Conn.LocalAddr() == nil {
				t.Error("the connection has no addresses")
			}
			err := h.Conn.(Awaiter).Await(func() error {
				asked <- h.ServerName
				return <-answer
			})
			c := localhost()
			return &c, err
		}}
		opened := make(chan *Conn, 10)
		g, _, log := serve(t, o, echo)
		ln := listenAt(t, g, "tcp://127.0.0.1:0", handler{opened: func(c *Conn) { opened <- c }, data: echo.data}, ListenOptions{TLS: config})
		plain := listenAt(t, g, "tcp://127.0.0.1:0", echo, ListenOptions{})
		l := g.loops[0]

		begin := func() (*tls.Conn, *tap, <-chan error) {
			raw := &tap{TCPConn: dial(t, ln)}
			c := tls.Client(raw, client)
			shaken := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, "first")
				shaken <- err
			}()
			if name := receive(t, asked); name != "localhost" {
				t.Errorf("asked for %q", name)
			}
			return c, raw, shaken
		}

		c, _, shaken := begin()
		bystander := dial(t, plain)
		roundTrip(t, bystander, "the loop goes on")
		_ = bystander.Close()
		answer <- nil
		if err := receive(t, shaken); err != nil {
			t.Fatal(err)
		}
		expect(t, c, "first")
		receive(t, opened)
		_ = c.Close()

		c, _, shaken = begin()
		answer <- errors.New("no key for you")
		if err := receive(t, shaken); err == nil {
			_, err = c.Read(make([]byte, 1))
			t.Errorf("shaken without a certificate, %v", err)
		}
		_ = c.Close()
		await(t, g, func() bool { return log.count("no key for you") == 1 })

		_, raw, _ := begin() // the client goes, and that is seen only then
		_ = raw.SetLinger(0)
		_ = raw.Close()
		answer <- nil
		await(t, g, func() bool {
			return len(l.coroutines) == 0 && l.handshakes.running == 0 && l.counts.HandshakeErrors == 2
		})

		_, raw, _ = begin() // the connection ends meanwhile
		onLoop(t, l, func() {
			for _, c := range l.conns {
				if s := c.service.tls; s != nil && !s.done {
					c.Abort()
				}
			}
		})
		expectEnd(t, raw.TCPConn)
		answer <- nil
		await(t, g, func() bool {
			return len(l.coroutines) == 0 && l.handshakes.running == 0 && l.counts.HandshakeErrors == 3
		})

		_, raw, _ = begin() // the client says more than it may
		_, _ = raw.TCPConn.Write(hello(t, client))
		settle(t, g)
		answer <- nil
		_, _ = io.Copy(io.Discard, raw.TCPConn) // which takes turns with the client
		_ = raw.Close()
		await(t, g, func() bool {
			return len(l.coroutines) == 0 && l.handshakes.running == 0 && l.counts.HandshakeErrors == 4
		})

		// A shutdown waits for who is at work.
		if log.count("panicked") > 0 {
			t.Error("there is a panic in the log")
		}
		c, raw, shaken = begin()
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		await(t, g, func() bool { return l.draining })
		answer <- nil
		<-shaken // with 1.2 there is another round, for which nobody waits
		_, _ = io.ReadAll(c)
		_ = c.Close()
		if len(raw.got) == 0 {
			t.Error("a handshake at work was not waited for")
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if len(opened) > 1 {
			t.Errorf("%d were opened", len(opened))
		}
	})
}

// A shutdown during the very last step of a handshake ends the connection in order.
func TestTLSAwaitLast(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		asked, answer := make(chan struct{}), make(chan struct{})
		opened := make(chan struct{}, 1)
		config := serverTLS()
		config.MaxVersion = tls.VersionTLS12 // whose ticket is the server's last word but one
		config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			own := serverTLS()
			own.WrapSession = func(tls.ConnectionState, *tls.SessionState) ([]byte, error) {
				return []byte("ticket"), h.Conn.(Awaiter).Await(func() error { close(asked); <-answer; return nil })
			}
			return own, nil
		}
		g, ln, _ := serveTLS(t, o, handler{opened: func(*Conn) { opened <- struct{}{} }}, config)
		raw := &tap{TCPConn: dial(t, ln)}
		client := clientTLS()
		client.MaxVersion = tls.VersionTLS12
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1) // it wants one
		c := tls.Client(raw, client)
		shaken := make(chan error, 1)
		go func() { shaken <- c.Handshake() }()
		receive(t, asked)
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		await(t, g, func() bool { return g.loops[0].draining })
		settle(t, g)
		close(answer)
		if err := receive(t, shaken); err != nil {
			t.Fatal(err)
		}
		orderly(t, c, raw, "")
		_ = c.Close()
		receive(t, opened)
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// After the handshake there is nothing that could wait.
func TestTLSAwaitTooLate(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var late Awaiter
		opened := make(chan *Conn, 1)
		_, ln, _ := serveTLS(t, o, handler{opened: func(c *Conn) { opened <- c }}, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			late = h.Conn.(Awaiter)
			c := localhost()
			return &c, nil
		}})
		dialTLS(t, ln, clientTLS())
		c := receive(t, opened)
		onLoop(t, c.Loop(), func() {
			if err := late.Await(func() error { return nil }); !errors.Is(err, ErrCoroutine) {
				t.Errorf("Await: %v, want ErrCoroutine", err)
			}
			if c.paused {
				t.Error("and reading has stopped")
			}
		})
	})
}

// A panic in a callback ends its connection, wherever it is, and no other.
func TestTLSPanics(t *testing.T) {
	for _, where := range []string{"GetCertificate", "Await", "Goexit", "Opened", "Data", "HalfClosed", "Closed"} {
		t.Run(where, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				fall := func(at string) {
					if at == where {
						panic("at " + at)
					}
				}
				ends := make(chan error, 10)
				h := half{
					handler: handler{
						opened: func(*Conn) { fall("Opened") },
						data: func(c *Conn, p []byte) int {
							fall("Data")
							return echo.data(c, p)
						},
						closed: func(_ *Conn, err error) { ends <- err; fall("Closed") },
					},
					halfClosed: func(c *Conn) { fall("HalfClosed"); c.Close() },
				}
				config := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					if h.ServerName == "localhost" {
						fall("GetCertificate")
						if where == "Goexit" {
							runtime.Goexit()
						}
						_ = h.Conn.(Awaiter).Await(func() error { fall("Await"); return nil })
					}
					c := testCA().issue(h.ServerName, ecdsaKey())
					return &c, nil
				}}
				g, ln, log := serveTLS(t, o, h, config)
				l := g.loops[0]
				c := tls.Client(dial(t, ln), clientTLS())
				if err := c.Handshake(); err == nil {
					_, _ = io.WriteString(c, "x")
					_, _ = c.Read(make([]byte, 1))
					_ = c.CloseWrite()
					_, _ = io.ReadAll(c)
				}
				_ = c.NetConn().Close()
				await(t, g, func() bool { return len(l.conns) == 0 && len(l.coroutines) == 0 && l.handshakes.running == 0 })
				if log.count(`msg="handler panicked"`) != 1 {
					t.Errorf("%d panics in the log, want 1", log.count(`msg="handler panicked"`))
				}
				opened := where != "GetCertificate" && where != "Await" && where != "Goexit"
				if opened {
					if err := receive(t, ends); where != "Closed" && !errors.Is(err, ErrPanic) {
						t.Errorf("closed with %v, want ErrPanic", err)
					}
				} else if len(ends) > 0 {
					t.Error("Closed was called, and Opened was not")
				}
				if where == "Opened" || where == "Data" {
					return // the next one would fall as well
				}
				other := clientTLS()
				other.ServerName = "other.example"
				roundTrip(t, dialTLS(t, ln, other), "the loop goes on")
			})
		})
	}
}

// A client whose certificate nobody knows is refused, and learns why.
func TestTLSUnknownClient(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		strangers := serverTLS()
		strangers.ClientAuth, strangers.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		g, ln, log := serveTLS(t, o, handler{opened: func(*Conn) { t.Error("Opened was called") }}, strangers)
		client := clientTLS()
		client.Certificates = []tls.Certificate{testCA().issue("client", ecdsaKey())}
		c := tls.Client(dial(t, ln), client)
		_, err := c.Write([]byte("x"))
		for err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		if !strings.Contains(err.Error(), "unknown certificate authority") && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the client is told %v", err)
		}
		_ = c.Close()
		await(t, g, func() bool { return g.loops[0].counts.HandshakeErrors == 1 })
		await(t, g, func() bool { return log.count("certificate signed by unknown authority") == 1 })
	})
}

// Loops that are bound to processors have another kind of coroutines, and shake hands
// as well.
func TestTLSOnPinnedLoops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("loops are not pinned here")
	}
	g, _, _ := serve(t, Options{Pin: true, Loops: 2}, NopHandler{})
	ln := listenAt(t, g, "tcp://127.0.0.1:0", echo, ListenOptions{TLS: &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if h.ServerName == "other.example" {
			runtime.Goexit()
		}
		c := localhost()
		return &c, h.Conn.(Awaiter).Await(func() error { return nil })
	}}})
	other := clientTLS()
	other.ServerName = "other.example"
	for range 4 {
		if err := tls.Client(dial(t, ln), other).Handshake(); err == nil {
			t.Error("it shook hands without a certificate")
		}
		roundTrip(t, dialTLS(t, ln, clientTLS()), "hello")
	}
}
