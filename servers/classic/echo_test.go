//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

const echo42 = "This is the message.  It will be repeated."

// overBackends runs a test on every backend.
func overBackends(t *testing.T, test func(t *testing.T, o Options)) {
	for _, backend := range iomux.Backends() {
		t.Run(string(backend), func(t *testing.T) {
			leaktest.Check(t)
			test(t, Options{Reactor: reactor.Options{Backend: backend}})
		})
	}
}

// The transcript is the tutorial's, 16 bytes a line.
func TestEchoTranscript(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		out := &paper{}
		o.Transcript, o.Listen = out, []string{"tcp://127.0.0.1:0"}
		s := begin(t, "echo", o)
		c := dial(t, s, 0)
		say(t, c, echo42)
		hear(t, c, echo42)
		closeWrite(t, c)
		hearAll(t, c, "")
		out.wait(t, "no data from")
		_, port, _ := net.SplitHostPort(c.LocalAddr().String())
		_, own, _ := net.SplitHostPort(c.RemoteAddr().String())
		want := fmt.Sprintf(`starting up on 127.0.0.1 port %s
waiting for a connection
connection from ('127.0.0.1', %s)
received b'This is the mess'
sending data back to the client
received b'age.  It will be'
sending data back to the client
received b' repeated.'
sending data back to the client
received b''
no data from ('127.0.0.1', %[2]s)
waiting for a connection
`, own, port)
		out.wait(t, want[strings.Index(want, "no data"):])
		out.wants(t, want)
	})
}

// The size of pieces can be chosen, and a Unix client has no address.
func TestEchoTranscriptUnix(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		out := &paper{}
		path := socketPath(t)
		o.Transcript, o.Listen = out, []string{"unix://" + path}
		s := begin(t, "echo", o, "--chunk", "30")
		c := dial(t, s, 0)
		say(t, c, echo42)
		hear(t, c, echo42)
		closeWrite(t, c)
		hearAll(t, c, "")
		want := "starting up on " + path + `
waiting for a connection
connection from ` + `
received b'This is the message.  It will '
sending data back to the client
received b'be repeated.'
sending data back to the client
received b''
no data from ` + `
waiting for a connection
`
		out.wait(t, want[strings.Index(want, "no data"):])
		out.wants(t, want)
	})
}

// Datagrams have a transcript, too; an empty one is not answered.
func TestEchoTranscriptPackets(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		out := &paper{}
		o.Transcript, o.Listen = out, []string{"udp://127.0.0.1:0"}
		s := begin(t, "echo", o)
		c := dial(t, s, 0)
		say(t, c, echo42)
		hear(t, c, echo42)
		if _, err := c.Write(nil); err != nil {
			t.Fatal(err)
		}
		say(t, c, "x")
		hear(t, c, "x")
		_, port, _ := net.SplitHostPort(c.LocalAddr().String())
		_, own, _ := net.SplitHostPort(c.RemoteAddr().String())
		want := fmt.Sprintf(`starting up on 127.0.0.1 port %s

waiting to receive message
received 42 bytes from ('127.0.0.1', %s)
b'This is the message.  It will be repeated.'
sent 42 bytes back to ('127.0.0.1', %[2]s)

waiting to receive message
received 0 bytes from ('127.0.0.1', %[2]s)
b''

waiting to receive message
received 1 bytes from ('127.0.0.1', %[2]s)
b'x'
sent 1 bytes back to ('127.0.0.1', %[2]s)

waiting to receive message
`, own, port)
		out.wait(t, "sent 1 bytes")
		out.wait(t, want[strings.LastIndex(want, "b'x'"):])
		out.wants(t, want)
	})
}

// Once, it ends with its first client.
func TestEchoOnce(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		out := &paper{}
		o.Transcript = out
		s := begin(t, "echo", o, "-once")
		c := dial(t, s, 0)
		say(t, c, "hello")
		hear(t, c, "hello")
		select {
		case <-s.Done():
			t.Fatal("it ends before its client")
		default:
		}
		if s.Err() != nil {
			t.Error(s.Err())
		}
		closeWrite(t, c)
		hearAll(t, c, "")
		<-s.Done()
		if s.Err() != nil {
			t.Error(s.Err())
		}
		out.wait(t, "shutting down\n")
	})
}

// It says when nothing happens, and only then.
func TestEchoIdle(t *testing.T) {
	leaktest.Check(t)
	const line = "timed out, do some other work here\n"
	out := &paper{}
	s := begin(t, "echo", Options{Transcript: out}, "-idle", "1ms")
	out.wait(t, line+line)
	c := dial(t, s, 0)
	say(t, c, "hello")
	hear(t, c, "hello")
	out.wait(t, "sending data back to the client\n"+line)
}

// The time counts from when something has happened last, whatever that was.
func TestEchoIdleTime(t *testing.T) {
	leaktest.Check(t)
	out := &paper{}
	i := &idling{every: time.Second, say: &transcript{w: out}}
	i.last.Store(int64(5 * time.Second))
	for _, step := range []struct{ now, in time.Duration }{
		{5500 * time.Millisecond, 500 * time.Millisecond}, {5999 * time.Millisecond, time.Millisecond},
	} {
		if in := i.ring(step.now); in != step.in || out.String() != "" {
			t.Errorf("at %v: in %v, %q", step.now, in, out.String())
		}
	}
	if in := i.ring(6 * time.Second); in != time.Second || out.String() != "timed out, do some other work here\n" {
		t.Errorf("in %v, %q", in, out.String())
	}
	if in := i.ring(6500 * time.Millisecond); in != 500*time.Millisecond {
		t.Errorf("in %v", in)
	}

	e := &echoing{idle: idling{every: time.Hour}}
	o, err := Options{Listen: []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0"}, Transcript: out}.complete(echo)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, s)
	var last int64
	happened := func(what string) {
		t.Helper()
		for end := time.Now().Add(patience); e.idle.last.Load() == last; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatalf("%s is nothing", what)
			}
		}
		last = e.idle.last.Load()
	}
	c := dial(t, s, 0)
	happened("a client")
	say(t, c, "hello")
	hear(t, c, "hello")
	happened("what it says")
	closeWrite(t, c)
	happened("its end")
	p := dial(t, s, 1)
	say(t, p, "hello")
	happened("a datagram")
}

// Answers go to ports that clients have, and are no longer than what they answer.
func TestEchoPorts(t *testing.T) {
	leaktest.Check(t)
	// One loop takes the one that is not answered first.
	s := begin(t, "echo", Options{Listen: []string{"udp://127.0.0.1:0"}, Reactor: reactor.Options{Loops: 1}})
	server := dial(t, s, 0).RemoteAddr().(*net.UDPAddr)
	// The same port on another address of this machine.
	same, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: server.Port}, server)
	if err != nil {
		t.Skip(err)
	}
	defer same.Close()
	say(t, same, "not answered")
	c := dial(t, s, 0)
	say(t, c, "answered")
	hear(t, c, "answered")
	if err := same.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := same.Read(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it was sent %d bytes, %v", n, err)
	}
}

// The file of a Unix socket is the owner's alone, and goes with the server.
func TestEchoUnixFile(t *testing.T) {
	leaktest.Check(t)
	path := socketPath(t)
	o := Options{Listen: []string{"unix://" + path, "unixgram://" + path + "gram"}}
	s, err := setup(t, "echo")(o)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := setup(t, "echo")(o); err == nil {
		t.Error("two servers have one name")
	}
	end(t, s)
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
