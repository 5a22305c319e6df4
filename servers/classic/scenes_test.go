//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// The scene is the tutorial's, and it ends by itself.
func TestPair(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		out := &paper{}
		o.Out = out
		s := begin(t, "pair", o)
		<-s.Done()
		if s.Err() != nil || len(s.URLs()) > 0 {
			t.Errorf("%v, %q", s.Err(), s.URLs())
		}
		out.wants(t, `in parent, sending message
in child, waiting for message
message from parent: b'ping'
response from child: b'pong'
`)
	})
}

// blocked is a writer that takes nothing until it is let go.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

// Nobody waits longer for its end than they want to.
func TestPairIsSlow(t *testing.T) {
	leaktest.Check(t)
	out := make(blocked)
	s := begin(t, "pair", Options{Out: out})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) || s.Err() != nil {
		t.Errorf("%v, %v", err, s.Err())
	}
	close(out)
	end(t, s)
}

// group is a free address of the tutorial's group.
func group(t *testing.T) string {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return "udp://224.3.29.71:" + port
}

// The sender hears from each receiver, of which there may be two on one machine, and
// ends when there are no more.
func TestMulticastSender(t *testing.T) {
	overBackends(t, func(t *testing.T, o Options) {
		o.Listen = []string{group(t)}
		var receivers [2]paper
		for i := range receivers {
			o.Transcript = &receivers[i]
			begin(t, "multicast", o)
		}
		out := &paper{}
		o.Transcript, o.Out = nil, out
		s := begin(t, "multicast", o, "-send", "-silence", "1s")
		<-s.Done()
		if s.Err() != nil || len(s.URLs()) > 0 {
			t.Errorf("%v, %q", s.Err(), s.URLs())
		}
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(o.Listen[0], "udp://"))
		ack := "received b'ack' from ('127.0.0.1', " + port + ")\nwaiting to receive\n"
		out.wants(t, "sending b'very important data'\nwaiting to receive\n"+ack+ack+"timed out, no more responses\nclosing socket\n")
		for i := range receivers {
			receivers[i].wait(t, "acknowledgement")
			receivers[i].wait(t, ")\n\nwaiting to receive message\n")
			from := strings.Index(receivers[i].String(), "('")
			if from < 0 {
				t.Fatal(receivers[i].String())
			}
			client, _, _ := strings.Cut(receivers[i].String()[from:], "\n")
			receivers[i].wants(t, fmt.Sprintf("\nwaiting to receive message\nreceived 19 bytes from %s\nb'very important data'\nsending acknowledgement to %[1]s\n\nwaiting to receive message\n", client))
		}
	})
}

// Nobody answers a sender without receivers, and it ends all the same.
func TestMulticastNobody(t *testing.T) {
	leaktest.Check(t)
	out := &paper{}
	s := begin(t, "multicast", Options{Listen: []string{group(t)}, Out: out}, "-send")
	<-s.Done()
	out.wants(t, "sending b'very important data'\nwaiting to receive\ntimed out, no more responses\nclosing socket\n")
}

// The message leaves by the interface of the group, and crosses no router.
func TestMulticastStaysNear(t *testing.T) {
	leaktest.Check(t)
	var calls paper
	restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if c.Op == sys.OpSetsockopt {
			fmt.Fprintln(&calls, c.Args)
		}
	}})
	defer restore()
	s := begin(t, "multicast", Options{Listen: []string{group(t)}}, "-send", "-silence", "1ms")
	<-s.Done()
	for _, option := range []string{
		fmt.Sprintf("%d, %d, 1\n", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL),
		fmt.Sprintf("%d, %d, ", unix.IPPROTO_IP, unix.IP_MULTICAST_IF),
	} {
		if !strings.Contains(calls.String(), option) {
			t.Errorf("no %q in:\n%s", option, calls.String())
		}
	}
}

// What is sent to this machine and not to the group is not the receiver's.
func TestMulticastOnlyTheGroup(t *testing.T) {
	leaktest.Check(t)
	out := &paper{}
	s := begin(t, "multicast", Options{Listen: []string{group(t)}, Transcript: out})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URLs()[0], "udp://"))
	c, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "to the machine")
	sender := begin(t, "multicast", Options{Listen: s.URLs()}, "-send")
	<-sender.Done()
	out.wait(t, "very important data")
	if strings.Contains(out.String(), "to the machine") {
		t.Errorf("it has received:\n%s", out.String())
	}
}

func TestMulticastErrors(t *testing.T) {
	for _, test := range []struct {
		listen []string
		flags  []string
		want   error
	}{
		{[]string{"udp://127.0.0.1:0"}, nil, reactor.ErrAddress},
		{[]string{"udp://[ff02::1]:0"}, nil, reactor.ErrAddress},
		{[]string{"tcp://224.3.29.71:0"}, nil, reactor.ErrOption},
		{[]string{"udp://224.3.29.71:0", "udp://224.3.29.72:0"}, nil, reactor.ErrOption},
		{[]string{"udp://224.3.29.71:0"}, []string{"-interface", "none such"}, reactor.ErrOption},
	} {
		leaktest.Check(t)
		if _, err := setup(t, "multicast", test.flags...)(Options{Listen: test.listen}); !errors.Is(err, test.want) {
			t.Errorf("%q %q: %v, want %v", test.listen, test.flags, err, test.want)
		}
	}
}

// What the kernel refuses leaves nothing behind.
func TestScenesFail(t *testing.T) {
	for _, test := range []struct {
		server string
		flags  []string
		op     sys.Op
	}{
		{"pair", nil, sys.OpSocketpair},
		{"multicast", nil, sys.OpBind},
		{"multicast", nil, sys.OpSetsockopt},
		{"multicast", []string{"-send"}, sys.OpBind},
		{"echo", nil, sys.OpListen},
		{"upper", nil, sys.OpListen},
		{"multi", nil, sys.OpListen},
	} {
		t.Run(test.server+"/"+string(test.op), func(t *testing.T) {
			leaktest.Check(t)
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if c.Op == test.op {
					return unix.ENOBUFS
				}
				return 0
			}})
			defer restore()
			var o Options
			e, _ := Find(test.server)
			for _, url := range e.Listen {
				o.Listen = append(o.Listen, url[:strings.LastIndexByte(url, ':')]+":0")
			}
			if test.server == "multicast" && len(test.flags) > 0 {
				o.Listen = []string{group(t)}
			}
			if _, err := setup(t, test.server, test.flags...)(o); !errors.Is(err, unix.ENOBUFS) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A server whose second address is taken does not stay at its first.
func TestSecondAddressFails(t *testing.T) {
	leaktest.Check(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"echo", "upper", "multi"} {
		o := Options{Listen: []string{"tcp://127.0.0.1:0", "unix://" + socketPath(t), "tcp://" + taken.Addr().String()}}
		if _, err := setup(t, name)(o); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(strings.TrimPrefix(o.Listen[1], "unix://")); err == nil {
			t.Errorf("%s has left its file", name)
		}
	}
}
