//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// agreement is what has become of a Dial.
type agreement struct {
	state *tls.ConnectionState
	err   error
}

// dialer is a Handler of a connection that this side makes: it says a word, and wants
// it back.
func dialer(t *testing.T, word string, over chan<- agreement) (Handler, func(error)) {
	return handler{
		opened: func(c *Conn) { _, _ = io.WriteString(c, word) },
		data: func(c *Conn, p []byte) int {
			if len(p) < len(word) {
				return 0
			}
			if string(p) != word {
				t.Errorf("got %.99q, want %.99q", p, word)
			}
			over <- agreement{state: c.TLS()}
			c.Close()
			return len(p)
		},
	}, func(err error) { over <- agreement{err: err} }
}

// stdServer is an echo server by crypto/tls and package net.
func stdServer(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return // the test is over
			}
			_ = c.SetDeadline(time.Now().Add(patience)) // it is open
			_, _ = io.Copy(struct{ io.Writer }{c}, c)   // the client sees
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// Dial speaks TLS with a standard server and with one of ours, over TCP and Unix
// sockets, by name and by number.
func TestTLSDial(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		g, ln, _ := serveTLS(t, o, echo, serverTLS())
		file := listenAt(t, g, "unix://"+socketPath(t), echo, ListenOptions{TLS: serverTLS()})
		_, port, _ := net.SplitHostPort(stdServer(t, serverTLS()))
		nameless := client.Clone()
		nameless.ServerName = ""
		for _, c := range []struct {
			url    string
			config *tls.Config
			name   string
		}{
			{"tcp://127.0.0.1:" + port, client, "localhost"},
			{"tcp://localhost:" + port, nameless, "localhost"},
			{"tcp://127.0.0.1:" + port, nameless, ""}, // a number is looked for in the certificate, and not sent
			{ln.URL(), client, "localhost"},
			{file.URL(), client, "localhost"},
		} {
			over := make(chan agreement, 1)
			h, failed := dialer(t, strings.Repeat("a long word; ", 5000), over)
			if _, err := g.Dial(c.url, h, DialOptions{TLS: c.config}, failed); err != nil {
				t.Fatal(err)
			}
			d := receive(t, over)
			if d.err != nil || d.state == nil || d.state.Version != client.MaxVersion || d.state.ServerName != c.name {
				t.Errorf("%s: %v, %+v", c.url, d.err, d.state)
			}
		}
		if nameless.ServerName != "" {
			t.Error("the caller's config was changed")
		}
		settle(t, g)
		if s := g.Stats(); s.Handshakes != 5+2 {
			t.Errorf("%d handshakes, want 7", s.Handshakes)
		}
		onLoop(t, g.loops[0], func() {
			if len(g.loops[0].dials) > 0 {
				t.Error("a Dial is left")
			}
		})
	})
}

// A handshake that fails, on either side, is told with its reason, and Opened is not
// called.
func TestTLSDialFails(t *testing.T) {
	everyVersion(t, func(t *testing.T, o Options, client *tls.Config) {
		g, ln, log := serveTLS(t, o, echo, serverTLS())
		over := make(chan agreement, 1)
		_, failed := dialer(t, "never said", over)
		h := handler{opened: func(*Conn) { t.Error("Opened was called") }, closed: func(*Conn, error) { t.Error("Closed was called") }}
		try := func(url string, config *tls.Config) error {
			if _, err := g.Dial(url, h, DialOptions{TLS: config}, failed); err != nil {
				t.Fatal(err)
			}
			return receive(t, over).err
		}
		other := client.Clone()
		other.ServerName = "other.example"
		var host x509.HostnameError
		if err := try(ln.URL(), other); !errors.As(err, &host) || !strings.Contains(err.Error(), ln.URL()) {
			t.Errorf("another name: %v", err)
		}
		stranger := client.Clone()
		stranger.RootCAs = x509.NewCertPool()
		var unknown x509.UnknownAuthorityError
		if err := try(ln.URL(), stranger); !errors.As(err, &unknown) {
			t.Errorf("an unknown authority: %v", err)
		}
		plain := listenAt(t, g, "tcp://127.0.0.1:0", handler{opened: func(c *Conn) {
			_, _ = io.WriteString(c, "220 ready\r\n") // a server without TLS
		}}, ListenOptions{})
		var header tls.RecordHeaderError
		if err := try(plain.URL(), client); !errors.As(err, &header) {
			t.Errorf("no TLS: %v", err)
		}
		for name, end := range map[string]func(*Conn){"closes": (*Conn).Close, "resets": (*Conn).Abort} {
			rude := listenAt(t, g, "tcp://127.0.0.1:0", handler{data: func(c *Conn, p []byte) int { end(c); return len(p) }}, ListenOptions{})
			if err := try(rude.URL(), client); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("a server that %s: %v", name, err)
			}
		}
		fussy := serverTLS()
		fussy.NextProtos = []string{"something"}
		picky := client.Clone()
		picky.NextProtos = []string{"another"}
		if err := try(listenAt(t, g, "tcp://127.0.0.1:0", echo, ListenOptions{TLS: fussy}).URL(), picky); err == nil || !strings.Contains(err.Error(), "no application protocol") {
			t.Errorf("an alert: %v", err)
		}
		await(t, g, func() bool {
			return len(g.loops[0].conns) == 0 && len(g.loops[0].dials) == 0 && len(g.loops[0].coroutines) == 0
		})
		if log.count("level=WARN") > 0 {
			t.Error("there is a warning in the log")
		}
	})
}

// The time of a Dial is that of its handshake too; so is Cancel, and the end of the
// loop.
func TestTLSDialGivesUp(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock = clock.read
		g, silent, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		for name, c := range map[string]struct {
			o    DialOptions
			wait time.Duration
			want error
		}{
			"Timeout":            {DialOptions{Timeout: 3 * time.Second}, 3 * time.Second, ErrTimeout},
			"Timeouts.Handshake": {DialOptions{Timeouts: Timeouts{Handshake: 2 * time.Second}}, 2 * time.Second, ErrTimeout},
			"default":            {DialOptions{}, shakeTime, ErrTimeout},
			"Cancel":             {DialOptions{}, 0, ErrCanceled},
		} {
			over := make(chan agreement, 1)
			h, failed := dialer(t, "never said", over)
			c.o.TLS = clientTLS()
			d, err := g.Dial(silent.URL(), h, c.o, failed)
			if err != nil {
				t.Fatal(err)
			}
			await(t, g, func() bool { return d.conn != nil && len(l.conns) == 2 })
			if c.wait > 0 {
				clock.pass(t, l, c.wait-1)
				select {
				case d := <-over:
					t.Fatalf("%s: early: %v", name, d.err)
				default:
				}
				clock.pass(t, l, 1)
			} else {
				d.Cancel()
			}
			if d := receive(t, over); !errors.Is(d.err, c.want) {
				t.Errorf("%s: %v, want %v", name, d.err, c.want)
			}
			await(t, g, func() bool { return len(l.conns) == 0 && len(l.dials) == 0 && len(l.coroutines) == 0 })
		}
		over := make(chan agreement, 1)
		h, failed := dialer(t, "never said", over)
		d, err := g.Dial(silent.URL(), h, DialOptions{TLS: clientTLS()}, failed)
		if err != nil {
			t.Fatal(err)
		}
		await(t, g, func() bool { return d.conn != nil })
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if d := receive(t, over); !errors.Is(d.err, ErrClosed) {
			t.Errorf("at shutdown: %v, want ErrClosed", d.err)
		}
	})
}
