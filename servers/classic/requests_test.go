//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/servers/socketserver"
)

// A request is over in time, whether its client is silent, or sends a byte now and
// then; nobody else waits longer for that, not even where one is served at a time.
func TestRequestTimeout(t *testing.T) {
	for _, name := range []string{"binary", "fork", "logged", "thread", "timestamp", "upper"} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, name, func(t *testing.T, o Options) {
				o.IOTimeout = 30 * time.Millisecond
				s := begin(t, name, o)
				silent := dial(t, s, 0)
				hearNothing(t, silent)
				if name == "timestamp" || name == "upper" || name == "binary" {
					slow := dial(t, s, 0)
					over := make(chan struct{})
					go func() {
						defer close(over)
						for {
							if _, err := slow.Write([]byte("x")); err != nil {
								return // it was cut
							}
							time.Sleep(5 * time.Millisecond) // well within the bound, each time
						}
					}()
					got := make([]byte, 1)
					if n, err := slow.Read(got); n > 0 || err == nil {
						t.Errorf("it was answered %q", got[:n])
					}
					_ = slow.Close()
					<-over
				}
			})
		})
	}
}

// A dialogue ends when its client has been silent for too long.
func TestDialogueTimeout(t *testing.T) {
	for name, opens := range map[string]string{"greeting": greets, "quit": ""} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, name, func(t *testing.T, o Options) {
				o.IOTimeout = 30 * time.Millisecond
				hearAll(t, dial(t, begin(t, name, o), 0), opens)
			})
		})
	}
}

// What is no error of the server's is no error in its log.
func TestQuietLog(t *testing.T) {
	for _, name := range []string{"binary", "greeting", "quit", "thread", "timestamp", "upper"} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, name, func(t *testing.T, o Options) {
				log := &paper{}
				o.IOTimeout = 20 * time.Millisecond
				o.Reactor.Logger = slog.New(slog.NewTextHandler(log, nil))
				s, err := setup(t, name)(Options{
					Listen: []string{"tcp://127.0.0.1:0"}, Mode: o.Mode, IOTimeout: o.IOTimeout, Reactor: o.Reactor,
				})
				if err != nil {
					t.Fatal(err)
				}
				hearEverything(t, dial(t, s, 0)) // until it is late
				c := dialTCP(t, s)
				say(t, c, "abc")
				reset(t, c)
				c = dialTCP(t, s)
				_, _ = c.Write([]byte(strings.Repeat("x", 2*lineLimit)))
				hearEverything(t, c)
				_ = c.Close()
				end(t, s)
				if log.String() != "" {
					t.Errorf("it logs:\n%s", log.String())
				}
			})
		})
	}
}

// hearEverything reads up to the end, whatever that is.
func hearEverything(t *testing.T, c net.Conn) {
	t.Helper()
	for buf := make([]byte, 1<<16); ; {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// A panic is the server's error, and ends the request alone.
func TestPanicIsLogged(t *testing.T) {
	leaktest.Check(t)
	log := &paper{}
	o := Options{Listen: []string{"tcp://127.0.0.1:0"}}
	o.Reactor.Logger = slog.New(slog.NewTextHandler(log, nil))
	o, err := o.complete(bare)
	if err != nil {
		t.Fatal(err)
	}
	s, err := onRequests(o, socketserver.HandlerFunc(func(*socketserver.Request) error { panic("on purpose") }))
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, s)
	for range 2 {
		c := dial(t, s, 0)
		hearAll(t, c, "")
		_ = c.Close()
	}
	log.wait(t, "on purpose")
}

// The transcripts of those with one request a connection.
func TestRequestTranscripts(t *testing.T) {
	for _, test := range []struct {
		name, flags, ask, answer, says string
	}{
		{"greeting", "", "one\r\n", greets + "one\r\n", "server is running ....\ngot connection from ('127.0.0.1', <PORT>)\none\nRECV from 127.0.0.1\n"},
		{"quit", "", "one\n\x1b\n", "one\n\x1b\n", "one\\n\\x1b\n"},
		{"timestamp", "", "hello\n", "[<CTIME>] hello\n", "等待连接……\n连接来自于: ('127.0.0.1', <PORT>)\n"},
		{"upper", "", " hello\n", "HELLO", "127.0.0.1 wrote:\nhello\n"},
		{"thread", "", "Hello, world", "Thread-<N>: Hello, world", "Server loop running in thread: Thread-1\n"},
		{"binary", "", packed, "", "waiting for a connection\nreceived b'0100000061620000cdcc2c40'\nunpacked: (1, b'ab', 2.700000047683716)\nwaiting for a connection\n"},
		{"binary", "-be", "\x00\x00\x00\x01ab\x00\x00\x40\x2c\xcc\xcd", "", "waiting for a connection\nreceived b'0000000161620000402ccccd'\nunpacked: (1, b'ab', 2.700000047683716)\nwaiting for a connection\n"},
		{"binary", "", packed[:6], "", "waiting for a connection\nreceived b'010000006162'\nwaiting for a connection\n"},
	} {
		t.Run(test.name+test.flags, func(t *testing.T) {
			everywhere(t, test.name, func(t *testing.T, o Options) {
				if o.Mode == socketserver.Forking {
					t.Skip("the lines are another process's")
				}
				out := &paper{}
				o.Transcript, o.Listen = out, []string{"tcp://127.0.0.1:0"}
				s := begin(t, test.name, o, strings.Fields(test.flags)...)
				c := dial(t, s, 0)
				say(t, c, test.ask)
				closeWrite(t, c)
				hearAll(t, c, test.answer)
				_, port, _ := net.SplitHostPort(c.LocalAddr().String())
				want := strings.ReplaceAll(test.says, "<PORT>", port)
				for len(out.String()) < len(want) {
					time.Sleep(100 * time.Microsecond) // the last line may be yet to come
				}
				out.wants(t, want)
			})
		})
	}
}

// The number of a thread goes up by one for each request.
func TestThreadNumbers(t *testing.T) {
	everywhere(t, "thread", func(t *testing.T, o Options) {
		s := begin(t, "thread", o)
		for n := range 5 {
			c := dial(t, s, 0)
			say(t, c, fmt.Sprint("Hello World ", n))
			hearAll(t, c, fmt.Sprintf("Thread-%d: Hello World %d", n+2, n))
		}
	})
}

// All hooks are called, in the order of Python's.
func TestLoggedTranscript(t *testing.T) {
	everywhere(t, "logged", func(t *testing.T, o Options) {
		if o.Mode == socketserver.Forking {
			t.Skip("some lines are another process's")
		}
		out := &paper{}
		o.Transcript = out
		o.Listen = []string{"tcp://127.0.0.1:0"}
		s, err := setup(t, "logged")(o)
		if err != nil {
			t.Fatal(err)
		}
		out.wait(t, "press <Ctrl-C> to quit\n")
		c := dial(t, s, 0)
		say(t, c, "Hello, world")
		hearAll(t, c, "Hello, world")
		_ = c.Close()
		out.wait(t, "close_request")
		end(t, s)
		local, remote := c.RemoteAddr().(*net.TCPAddr).Port, c.LocalAddr().(*net.TCPAddr).Port
		client := fmt.Sprintf("('127.0.0.1', %d)", remote)
		socket := fmt.Sprintf("<socket.socket family=AddressFamily.AF_INET, type=SocketKind.SOCK_STREAM, proto=0, laddr=('127.0.0.1', %d), raddr=%s>", local, client)
		want := strings.NewReplacer("R", socket, "A", client).Replace(`verify_request(R, A)
EchoServer: process_request(R, A)
EchoServer: finish_request(R, A)
`)
		got := out.String()
		if i := strings.Index(got, "close_request(<socket"); i >= 0 { // whose address is known no more, perhaps
			j := strings.Index(got[i:], "\n")
			got = got[:i] + "close_request(R)" + got[i+j:]
		}
		want = `EchoServer: __init__
EchoServer: server_activate
EchoServer: waiting for request
EchoServer: Handling requests, press <Ctrl-C> to quit
EchoServer: ` + want + `EchoRequestHandler: __init__
EchoRequestHandler: setup
EchoRequestHandler: handle
EchoRequestHandler: recv()->"b'Hello, world'"
EchoRequestHandler: finish
EchoServer: close_request(R)
EchoServer: shutdown()
EchoServer: server_close
`
		if got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

// A datagram is answered unless a server may have sent it.
func TestAnswers(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.1:9999")
	for peer, want := range map[string]bool{
		"127.0.0.1:50000": true, "10.0.0.1:1024": true, "127.0.0.1:1023": false, "127.0.0.1:7": false,
		"127.0.0.1:0": false, "10.0.0.1:9999": false, "[::1]:9999": false, "[::1]:10000": true,
	} {
		if got := answers(local, netip.MustParseAddrPort(peer)); got != want {
			t.Errorf("%s: %v, want %v", peer, got, want)
		}
	}
}

// The servers of datagrams on requests heed that.
func TestUpperPorts(t *testing.T) {
	everywhere(t, "upper", func(t *testing.T, o Options) {
		o.Listen, o.Reactor.Loops = []string{"udp://127.0.0.1:0"}, 1 // which takes the one that is not answered first
		s := begin(t, "upper", o)
		server := dial(t, s, 0).RemoteAddr().(*net.UDPAddr)
		same, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: server.Port}, server)
		if err != nil {
			t.Skip(err)
		}
		defer same.Close()
		say(t, same, "not answered")
		c := dial(t, s, 0)
		say(t, c, " answered\n")
		hear(t, c, "ANSWERED")
		if err := same.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := same.Read(make([]byte, 100)); err == nil {
			t.Errorf("it was sent %d bytes", n)
		}
	})
}

// The greeting has the address that the client has connected to, and not the one that
// stands for all.
func TestGreetingAddress(t *testing.T) {
	everywhere(t, "greeting", func(t *testing.T, o Options) {
		o.Listen = []string{"tcp://0.0.0.0:0"}
		s := begin(t, "greeting", o)
		_, port, _ := strings.Cut(s.URLs()[0], "0.0.0.0")
		c, err := net.Dial("tcp", "127.0.0.1"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		closeWrite(t, c)
		hearAll(t, c, "connection 127.0.0.1"+port+" at <CTIME> succeed!")
	})
}

// Each request has a process of its own, and none of them is the server's.
func TestForkPIDs(t *testing.T) {
	leaktest.Check(t)
	s := begin(t, "fork", Options{})
	pids := map[string]bool{strconv.Itoa(os.Getpid()): true}
	for range 3 {
		c := dial(t, s, 0)
		say(t, c, "hello")
		got, err := io.ReadAll(c)
		pid, said, ok := strings.Cut(string(got), ": ")
		if err != nil || !ok || said != "hello" || pids[pid] {
			t.Errorf("got %q, %v; before: %v", got, err, pids)
		}
		pids[pid] = true
	}
}

// A process gets what its server was started with, and nothing makes it another's.
func TestChildSettings(t *testing.T) {
	leaktest.Check(t)
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.Bool("on", false, "")
	set.Bool("off", true, "")
	set.Duration("time", time.Second, "")
	set.String("same", "x", "")
	if err := set.Parse([]string{"-on", "-off=false", "-time", "1m"}); err != nil {
		t.Fatal(err)
	}
	if got := setFlags(set); !slices.Equal(got, []string{"-off=false", "-on=true", "-time=1m0s"}) {
		t.Errorf("%q", got)
	}
	h, o := childServer(`{"Server":"upper","Flags":["-exact=true"],"Request":1000}`)
	if hooks, ok := o.Hooks.(hooks); h == nil || !ok || hooks.limits.request != 1000 {
		t.Errorf("%v, %+v", h, o)
	}
	for _, name := range []string{"", "{}", `{"Server":"nobody"}`, `{"Server":"upper","Flags":["-frob"]}`, `{"Server":"upper"`, `{"Server":"echo"}`, `{"Server":"thread"}`} {
		if h, _ := childServer(name); h != nil {
			t.Errorf("%s has a handler", name)
		}
	}
	t.Setenv(childVariable, "no list")
	if names := childNames(); names != nil {
		t.Errorf("%q", names)
	}
}
