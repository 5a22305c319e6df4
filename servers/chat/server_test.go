//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

const patience = 20 * time.Second

// served is a chat on a real group.
type served struct {
	*Server
	t     *testing.T
	group *reactor.Group
	log   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// everywhere runs a test on every backend, with one loop and with several.
func everywhere(t *testing.T, test func(t *testing.T, r reactor.Options)) {
	for _, backend := range iomux.Backends() {
		for _, loops := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/%d", backend, loops), func(t *testing.T) {
				leaktest.Check(t)
				test(t, reactor.Options{Backend: backend, Loops: loops})
			})
		}
	}
}

// serve starts a chat, which ends with the test. Its limits by address are off, as all
// clients have the same, unless o says otherwise.
func serve(t *testing.T, r reactor.Options, o Options) *served {
	t.Helper()
	log := &lockedBuffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	r.Logger = o.Logger
	if o.ConnsPerAddr == 0 {
		o.ConnsPerAddr, o.ConnRate, o.AddrRate = -1, -1, -1
	}
	if o.hush == 0 {
		o.hush = time.Millisecond
	}
	group, err := reactor.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(group, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := group.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &served{Server: s, t: t, group: group, log: log}
}

// listen serves clients of a codec and returns where. Connections go to the loops in
// turn.
func (s *served) listen(c Codec) string {
	s.t.Helper()
	return s.listenWith(c, reactor.SocketOptions{})
}

func (s *served) listenWith(c Codec, o reactor.SocketOptions) string {
	s.t.Helper()
	l, err := s.group.Listen("tcp://127.0.0.1:0", s.Handler(c), reactor.ListenOptions{Balance: reactor.RoundRobin, Socket: o})
	if err != nil {
		s.t.Fatal(err)
	}
	return l.Addr().String()
}

// client is a connection to it.
type client struct {
	t *testing.T
	*net.TCPConn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client { return dialFrom(t, "127.0.0.1", addr) }

// dialFrom is dial from an address of this machine.
func dialFrom(t *testing.T, from, addr string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t, c.(*net.TCPConn), bufio.NewReader(c)}
}

// join is a client that has been greeted, and has a name.
func join(t *testing.T, addr, nick string) *client {
	t.Helper()
	c := dial(t, addr)
	c.until("you are in the room")
	c.says("/nick " + nick)
	c.until("you are called " + nick)
	return c
}

func (c *client) says(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.Join(lines, "\n")+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// line is the next one.
func (c *client) line() string {
	c.t.Helper()
	l, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%v behind %q", err, l)
	}
	return strings.TrimRight(l, "\r\n")
}

// until reads up to a line that has a text in it.
func (c *client) until(text string) string {
	c.t.Helper()
	for {
		if l := c.line(); strings.Contains(l, text) {
			return l
		}
	}
}

// hears wants these lines next.
func (c *client) hears(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.line(); got != w {
			c.t.Fatalf("heard %q, want %q", got, w)
		}
	}
}

// rest is what comes up to the end.
func (c *client) rest() string {
	c.t.Helper()
	b, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// Members of all codecs and loops are in one room.
func TestAnyToAny(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{})
		lines, objects, chunks := s.listen(Lines{}), s.listen(JSON{}), s.listen(Chunks{})
		ann := join(t, lines, "ann")
		js := dial(t, objects)
		js.says(`{"do":"hello","nick":"joe"}`)
		js.until(`"entered"`)
		ann.hears("[lobby] ** joe has joined")
		tutorial := dial(t, chunks)
		ann.until("has joined")
		js.until(`"joined"`)

		ann.says("hello, joe")
		var e object
		if err := json.Unmarshal([]byte(js.line()), &e); err != nil || e.Ev != Said || e.Nick != "ann" || e.Text != "hello, joe" || e.Seq != 1 || e.Room != "lobby" {
			t.Fatalf("got %+v, %v", e, err)
		}
		js.says(`{"do":"say","room":"lobby","text":"hello, ann","id":"x1"}`)
		ann.hears("[lobby] joe: hello, ann")
		e = object{}
		if err := json.Unmarshal([]byte(js.line()), &e); err != nil || e.ID != "x1" || e.Nick != "joe" {
			t.Fatalf("got %+v, %v", e, err)
		}
		var heard []byte
		for len(heard) < len("hello, joehello, ann") {
			b, err := tutorial.r.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, b)
		}
		if string(heard) != "hello, joehello, ann" {
			t.Errorf("the tutorial's client heard %q", heard)
		}
		if _, err := io.WriteString(tutorial, "  from the tutorial\n"); err != nil {
			t.Fatal(err)
		}
		ann.until("from the tutorial")
		if _, err := io.WriteString(tutorial, "quit\n"); err != nil {
			t.Fatal(err)
		}
		if got := tutorial.rest(); got != "from the tutorial" {
			t.Errorf("the tutorial's client heard %q at last", got)
		}
		ann.until("has left")
		js.until(`"left"`)
		if err := js.Close(); err != nil {
			t.Fatal(err)
		}
		ann.until("joe has left")
	})
}

// All hear everything in the same order, and of each what it has said in the order in
// which it did.
func TestOrder(t *testing.T) {
	const members, messages = 6, 150
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Rate: -1})
		addr := s.listen(Lines{OwnLines: true})
		var all []*client
		for i := range members {
			c := join(t, addr, fmt.Sprintf("name%c", 'a'+i))
			for _, other := range all {
				other.until("is called")
			}
			all = append(all, c)
		}
		var talk sync.WaitGroup
		for i, c := range all {
			talk.Go(func() {
				for n := range messages {
					_, _ = fmt.Fprintf(c, "%d.%d\n", i, n)
				}
			})
		}
		defer talk.Wait()
		var first []string
		for i, c := range all {
			var heard []string
			next := make([]int, members)
			for range members * messages {
				l := c.line()
				heard = append(heard, l)
				var who, n int
				_, text, _ := strings.Cut(l, ": ")
				if _, err := fmt.Sscanf(text, "%d.%d", &who, &n); err != nil || n != next[who] {
					t.Fatalf("heard %q, want number %d of it: %v", l, next[who], err)
				}
				next[who]++
			}
			if i == 0 {
				first = heard
			} else if !slices.Equal(heard, first) {
				t.Fatal("two members heard it in different orders")
			}
		}
	})
}

// What a client says at last is said, with a newline or without, and what it has asked
// is answered, before its connection ends.
func TestHalfClose(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{})
		addr := s.listen(Lines{})
		ann := join(t, addr, "ann")
		for _, input := range []string{"last\n", "last", "one\nlast", "/who\nlast", "GET last"} {
			c := dial(t, addr)
			if _, err := io.WriteString(c, input); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			ann.until("last")
			ann.until("has left")
			rest := c.rest()
			if !strings.Contains(rest, "Welcome") || strings.HasPrefix(input, "/who") && !strings.Contains(rest, "here are 2") {
				t.Errorf("%q was answered %q", input, rest)
			}
		}
		c := dial(t, addr) // who says nothing at all
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.rest()
	})
}

// B1: a member that does not read is dropped when too much waits for it, and the others
// have everything.
func TestStuckMember(t *testing.T) {
	const messages = 3000
	everywhere(t, func(t *testing.T, r reactor.Options) {
		r.WriteLimit = 256 << 10
		r.HighWater, r.LowWater = 128<<10, 64<<10
		s := serve(t, r, Options{Rate: -1, Quiet: -1, History: -1})
		addr := s.listen(Lines{})
		stuck := dial(t, s.listenWith(Lines{}, reactor.SocketOptions{WriteBuffer: 16 << 10})) // else the kernel takes megabytes
		if err := stuck.SetReadBuffer(2304); err != nil {
			t.Fatal(err)
		}
		stuck.until("you are in the room")
		ann, bob := join(t, addr, "ann"), join(t, addr, "bob")
		ann.until("bob now")
		var talk sync.WaitGroup
		talk.Go(func() {
			text := strings.Repeat("x", 1000)
			for i := range messages {
				_, _ = fmt.Fprintf(ann, "%d %s\n", i, text)
			}
		})
		defer talk.Wait()
		dropped := false
		for i := 0; i < messages; {
			l := bob.line()
			if strings.Contains(l, "it reads too slowly") {
				dropped = true
			} else if strings.HasPrefix(l, fmt.Sprintf("[lobby] ann: %d x", i)) {
				i++
			}
		}
		if !dropped {
			bob.until("it reads too slowly")
		}
		ann.until("it reads too slowly")
		if most := s.group.Stats().Buffered; most > uint64(3*r.WriteLimit) {
			t.Errorf("%d bytes wait", most)
		}
		if text := s.log.String(); !strings.Contains(text, "a member is dropped") {
			t.Errorf("the log says nothing of it: %s", text)
		}
	})
}

// C3: who gives commands faster than it may is read more slowly, nothing of it is lost,
// and when it does not stop it is closed. Its neighbours do not notice.
func TestFlood(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Rate: 200, Burst: 5, Patience: 300 * time.Millisecond})
		addr := s.listen(Lines{OwnLines: true})
		ann, bob := join(t, addr, "ann"), join(t, addr, "bob")
		ann.until("bob now")
		// A paste is said, if slowly.
		for i := range 20 {
			ann.says(fmt.Sprint("paste ", i))
		}
		for i := range 20 {
			ann.until(fmt.Sprintf("ann: paste %d", i))
			bob.until(fmt.Sprintf("ann: paste %d", i))
		}
		// A flood is ended.
		flood := join(t, s.listen(Lines{}), "mallory") // who hears itself and does not read is not read any more
		var talk sync.WaitGroup
		talk.Go(func() {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(flood, "flood\n\n")
			}
		})
		bob.says("unhurt")
		ann.until("unhurt")
		ann.until("mallory has left: it said too much too fast")
		_ = flood.Close()
		talk.Wait()
	})
}

// Who says much at once, and then nothing for a while, may do so again.
func TestBurstsNowAndThen(t *testing.T) {
	leaktest.Check(t)
	time := &clock{at: start}
	s := serve(t, reactor.Options{Loops: 1}, Options{Rate: 1000, Burst: 5, now: time.now})
	c := join(t, s.listen(Lines{OwnLines: true}), "ann")
	for i := range 3 {
		for n := range 10 {
			c.says(fmt.Sprintf("%d.%d", i, n))
			c.until(fmt.Sprintf("%d.%d", i, n))
		}
		time.move(60e9)
	}
}

// What a member leaves unused while it is throttled is done before it leaves.
func TestThrottledHalfClose(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Rate: 300, Burst: 2, Patience: patience})
		addr := s.listen(Lines{OwnLines: true})
		ann := join(t, addr, "ann")
		ann.says("1", "2", "3", "4", "5", "6", "7", "8", "9")
		if _, err := io.WriteString(ann, "the last"); err != nil {
			t.Fatal(err)
		}
		if err := ann.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		rest := ann.rest()
		for _, want := range []string{"1", "9", "the last"} {
			if !strings.Contains(rest, "ann: "+want+"\r\n") {
				t.Errorf("%q was not said: %q", want, rest)
			}
		}
	})
}

// Without rates a member may be far ahead of the home loop, but not without a bound.
func TestManyCommandsUnderWay(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Rate: -1, History: -1})
		addr := s.listen(Lines{OwnLines: true})
		ann := join(t, addr, "ann")
		const n = 5000
		var talk sync.WaitGroup
		talk.Go(func() { _, _ = io.WriteString(ann, strings.Repeat("x\n", n)) })
		for range n {
			ann.hears("[lobby] ann: x")
		}
		talk.Wait()
	})
}

// C5: what comes from one address is bounded.
func TestConnectionsPerAddress(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 2}, Options{ConnsPerAddr: 3, ConnRate: -1, AddrRate: -1})
	addr := s.listen(Lines{})
	var in []*client
	for range 3 {
		c := dial(t, addr)
		c.until("you are in the room")
		in = append(in, c)
	}
	c := dial(t, addr)
	if got := c.rest(); got != "** !! there are too many connections from your address\r\n" {
		t.Errorf("got %q", got)
	}
	in[0].says("/quit")
	in[0].rest()
	in[1].until("has left")
	for { // its connection ends a moment after its going was told
		c := dial(t, addr)
		if !strings.Contains(c.line(), "too many") {
			break
		}
	}

	s = serve(t, reactor.Options{Loops: 2}, Options{ConnsPerAddr: 3, ConnRate: 0.001, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	addr = s.listen(Lines{})
	for range 10 {
		dial(t, addr).until("you are in the room")
	}
}

func TestAddressesTable(t *testing.T) {
	now := start
	o := &Options{ConnsPerAddr: 2, ConnRate: 1, AddrRate: 10, AddrBurst: 2}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	table := addresses{o: o, sites: map[netip.Addr]*visitors{}}
	enter := func(a string) (*visitors, string) { return table.enter(netip.MustParseAddr(a), now) }
	v, refused := enter("2001:db8::1")
	if refused != "" {
		t.Fatal(refused)
	}
	if w, _ := enter("2001:db8::2"); w != v {
		t.Error("one /64 is two addresses")
	}
	if _, refused := enter("2001:db8::3"); !strings.Contains(refused, "too many") {
		t.Errorf("got %q", refused)
	}
	if _, refused := enter("2001:db8:0:1::1"); refused != "" {
		t.Error("another /64 is the same address")
	}
	v.exit()
	if _, refused := enter("2001:db8::3"); !strings.Contains(refused, "too often") {
		t.Errorf("got %q", refused)
	}
	if w1, w2, w3 := v.take(now), v.take(now), v.take(now); w1 != 0 || w2 != 0 || w3 != 100*time.Millisecond {
		t.Errorf("commands have to wait %v %v %v", w1, w2, w3)
	}
	v.exit()
	mapped, _ := enter("::ffff:192.0.2.1")
	if w, _ := enter("192.0.2.1"); w != mapped || w == nil {
		t.Error("an address of IPv4 is two")
	}
	mapped.exit()
	mapped.exit()
	table.sweep(now)
	if len(table.sites) != 3 {
		t.Error("an address is forgotten that was refused a moment ago")
	}
	now = now.Add(time.Minute)
	table.sweep(now)
	if len(table.sites) != 1 {
		t.Errorf("%d addresses are kept, want the one that is connected", len(table.sites))
	}
	if v, refused := table.enter(netip.Addr{}, now); v != nil || refused != "" {
		t.Error("a Unix socket is counted")
	}
}

// C4: clients of other protocols are told that they are wrong, in their own language,
// and nothing of what they send is said.
func TestStrangers(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{hush: patience})
		addr := s.listen(Lines{})
		for _, stranger := range []struct{ sends, gets string }{
			{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
			{"POST /chat HTTP/1.0\r\n\r\n/quit\n", "HTTP/1.1 400 Bad Request\r\n"},
			{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
			{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x15\x03\x01\x00\x02\x02\x46"},
			{"CAP LS 302\r\nNICK ann\r\nUSER ann 0 * :Ann\r\n", "ERROR :This is not IRC"},
			{"NICK ann\r\n", "ERROR :This is not IRC"},
			{"PASS secret\r\n", "ERROR :This is not IRC"},
			{"\r\n\nPOST / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
			{"PROPFIND / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
			{"get / HTTP/1.0\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
			{strings.Repeat("x", lineLimit+1), "** !! a line may have 4096 bytes\r\n"},
			{"GET " + strings.Repeat("x", lineLimit), "** !! a line may have 4096 bytes\r\n"},
		} {
			c := dial(t, addr)
			if _, err := io.WriteString(c, stranger.sends); err != nil {
				t.Fatal(err)
			}
			got := c.rest()
			if i := strings.Index(got, "leaves it.\r\n"); i >= 0 && stranger.sends[0] == '\r' {
				got = got[i+len("leaves it.\r\n"):] // empty lines are no stranger's
			}
			if stranger.sends[0] == 'x' || strings.HasPrefix(stranger.sends, "GET x") {
				_, got, _ = strings.Cut(got, "leaves it.\r\n") // it was no stranger before that
			}
			if !strings.HasPrefix(got, stranger.gets) {
				t.Errorf("%.30q was answered %q, want %q", stranger.sends, got, stranger.gets)
			}
		}
		// Who only begins like one is none.
		c := dial(t, addr)
		c.says("GET well soon", "NICK", "POST HTTP")
		c.until("you are in the room")
		c.says("/who")
		c.until("here are 1:")
		rooms, err := s.Snapshot(t.Context())
		if err != nil || len(rooms.Members) != 1 {
			t.Errorf("%+v, %v", rooms, err)
		}
	})
}

// A browser may connect long before it sends its request, and an IRC client may be slow.
func TestLateStrangers(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{})
		ann := join(t, s.listen(Lines{}), "ann")
		for _, codec := range []Codec{Lines{}, Chunks{}} {
			addr := s.listen(codec)
			for _, sends := range []string{"POST / HTTP/1.1\r\nHost: x\r\n\r\nsaid\n", "PASS secret\r\nNICK x\r\n"} {
				c := dial(t, addr)
				ann.until("has joined") // and is greeted
				if _, err := io.WriteString(c, sends); err != nil {
					t.Fatal(err)
				}
				if got := c.rest(); !strings.Contains(got, "400 Bad Request") && !strings.Contains(got, "not IRC") {
					t.Errorf("%q was answered %q", sends, got)
				}
				ann.until("has left: it sent what nobody understands")
			}
		}
		c := join(t, s.listen(Lines{OwnLines: true}), "bob")
		c.says("POST / HTTP/1.1")
		c.hears("[lobby] bob: POST / HTTP/1.1") // who has said something is nobody's browser
	})
}

// A client is greeted before it speaks, but not at once.
func TestGreeting(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 2}, Options{MOTD: "one\ntwo\x1b[2J", Name: "here"})
	c := dial(t, s.listen(Lines{}))
	c.hears("** Welcome to here. You are guest1; /nick NAME changes that, /help lists what there is.", "** one", "** two[2J",
		"[lobby] ** you are in the room, with nobody else. /part leaves it.")
}

// Telnet's negotiation is no text.
func TestTelnet(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 1}, Options{})
	addr := s.listen(Lines{OwnLines: true})
	c := join(t, addr, "ann")
	c.says("\xff\xfd\x01\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0hello\xff\xf1 there\r")
	c.hears("[lobby] ann: hello there")
}

// C5: a proxy tells for whom it speaks, and nobody else may.
func TestProxies(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, ConnsPerAddr: 2, ConnRate: -1})
		addr := s.listen(Lines{})
		for i := range 6 { // two for each of three addresses
			c := dial(t, addr)
			c.says(fmt.Sprintf("PROXY TCP4 192.0.2.%d 127.0.0.1 1000 7000\r", i/2))
			c.until("you are in the room")
		}
		c := dial(t, addr)
		c.says("PROXY TCP4 192.0.2.2 127.0.0.1 1000 7000\r\n/who")
		if got := c.rest(); !strings.Contains(got, "too many connections") {
			t.Errorf("got %q", got)
		}
		c = dial(t, addr)
		c.says("hello")
		if got := c.rest(); got != "" {
			t.Errorf("got %q without a header", got)
		}
		shot, err := s.Snapshot(t.Context())
		if err != nil || len(shot.Members) != 6 || shot.Members[0].Addr != "192.0.2.0" {
			t.Errorf("%+v, %v", shot, err)
		}
	})
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 1}, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	c := dial(t, s.listen(Lines{OwnLines: true}))
	c.says("PROXY TCP4 192.0.2.2 127.0.0.1 1000 7000\r")
	c.until("guest1: PROXY TCP4") // it is not believed
	if shot, err := s.Snapshot(t.Context()); err != nil || shot.Members[0].Addr != "127.0.0.1" {
		t.Errorf("%+v, %v", shot, err)
	}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Who is silent is told, and then closed; who says something stays, and so does who is
// looked after by others.
func TestSilence(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		time := &clock{at: start}
		s := serve(t, r, Options{now: time.now})
		sweep := func() {
			for _, h := range s.halls {
				if err := h.loop.Post(func() { h.sweep(s.options.Load()) }); err != nil {
					t.Fatal(err)
				}
			}
		}
		addr := s.listen(Lines{})
		ann, bob := join(t, addr, "ann"), join(t, addr, "bob")
		alive := dial(t, s.listen(tended{}))
		alive.until("you are in the room")
		time.move(59*60e9 + 1)
		sweep()
		bob.until("you have been silent for long")
		ann.until("you have been silent for long")
		bob.says("")
		bob.says("/who")
		bob.until("here are")
		time.move(60e9)
		sweep()
		ann.until("you were silent for too long")
		ann.rest()
		bob.until("ann has left: it was silent for too long")
		alive.until("ann has left: it was silent for too long")
		time.move(58*60e9 + 1)
		sweep()
		bob.until("you have been silent for long") // once more
		bob.says("/quit")
		alive.until("bob has left")
	})
}

type tended struct{ Lines }

func (tended) Traits() Traits { return Traits{Alive: true} }

func TestAnnounceAndConfigure(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 3}, Options{})
	addr := s.listen(Lines{})
	ann, bob := join(t, addr, "ann"), join(t, addr, "bob")
	if err := s.Announce("soon \x07over"); err != nil {
		t.Fatal(err)
	}
	ann.until("** soon over")
	bob.until("** soon over")
	if err := s.Configure(Options{MaxText: 5, MOTD: "new", ConnsPerAddr: -1, ConnRate: -1, AddrRate: -1, hush: 1}); err != nil {
		t.Fatal(err)
	}
	dial(t, addr).until("** new")
	ann.says("123456")
	ann.until("a message may have 5 bytes")
	if err := s.Configure(Options{MaxText: 5000}); !errors.Is(err, ErrOption) {
		t.Errorf("got %v", err)
	}
	if _, err := New(s.group, Options{Lobby: "no lobby"}); !errors.Is(err, ErrOption) {
		t.Errorf("got %v", err)
	}
	if _, err := New(s.group, Options{RequireLogin: true}); !errors.Is(err, ErrOption) {
		t.Errorf("got %v", err)
	}
}

// memory is a Store that can be slow and broken.
type memory struct {
	mu    sync.Mutex
	rooms map[string]StoredRoom
	bans  []Ban
	wait  chan struct{}
	err   error
}

func (m *memory) Load(fold string, limit int) (StoredRoom, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rooms[fold]
	r.Events = slices.Clone(r.Events[max(0, len(r.Events)-limit):])
	return r, ok, m.err
}

func (m *memory) Append(rooms []StoredRoom) error {
	if m.wait != nil {
		<-m.wait
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rooms {
		r.Events = append(m.rooms[strings.ToLower(r.Name)].Events, r.Events...)
		m.rooms[strings.ToLower(r.Name)] = r
	}
	return m.err
}

func (m *memory) Bans() ([]Ban, error) { return m.bans, m.err }

func (m *memory) SaveBans(list []Ban) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bans = list
	return m.err
}

// What was said before a restart is there after it, with the same numbers.
func TestRestart(t *testing.T) {
	leaktest.Check(t)
	store := &memory{rooms: map[string]StoredRoom{}, bans: []Ban{{Whom: "mallory"}}}
	for life := range 3 {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			s := serve(t, reactor.Options{Loops: 2}, Options{Store: store})
			c := dial(t, s.listen(JSON{}))
			c.says(`{"do":"hello","nick":"mallory"}`, fmt.Sprintf(`{"do":"say","text":"life %d","id":"%d"}`, life, life))
			c.until("mallory is banned")
			var e object
			if err := json.Unmarshal([]byte(c.until(`"entered"`)), &e); err != nil || e.Seq%restartGap != uint64(life) || e.Epoch == "" {
				t.Errorf("%+v, %v", e, err)
			}
			for i := range life {
				if l := c.line(); !strings.Contains(l, fmt.Sprintf(`"text":"life %d"`, i)) || !strings.Contains(l, `"old":true`) {
					t.Errorf("got %q", l)
				}
			}
			c.until(fmt.Sprintf(`"text":"life %d"`, life))
		})
	}
	if got := store.rooms["lobby"]; got.Seq != 2*restartGap+3 || len(got.Events) != 3 {
		t.Errorf("%+v", got)
	}
}

// A store that is slow holds nobody up, and one that fails is told of.
func TestBadStore(t *testing.T) {
	leaktest.Check(t)
	t.Run("slow", func(t *testing.T) {
		store := &memory{rooms: map[string]StoredRoom{}, wait: make(chan struct{})}
		s := serve(t, reactor.Options{Loops: 2}, Options{Store: store})
		c := join(t, s.listen(Lines{OwnLines: true}), "ann")
		for i := range 10 {
			c.says(fmt.Sprint(i))
			c.hears(fmt.Sprintf("[lobby] ann: %d", i))
		}
		close(store.wait)
		c.says("/quit")
		c.rest()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got := len(store.rooms["lobby"].Events); got != 10 {
			t.Errorf("%d messages are kept", got)
		}
	})
	group, err := reactor.Open(reactor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if _, err := New(group, Options{Store: &memory{err: broken}}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	k := newKeeper(&memory{rooms: map[string]StoredRoom{"y": {Name: "y", Seq: 7}}, err: broken}, slog.New(slog.DiscardHandler))
	if r, ok, err := k.load("y", 1); !ok || r.Seq != 7 || err != nil {
		t.Errorf("of a room that can be read in part there is %+v, %v, %v", r, ok, err)
	}
	k.keep("x", StoredRoom{Name: "x", Events: make([]Event, 1)})
	if _, ok, err := k.load("x", 1); ok || !errors.Is(err, broken) {
		t.Error("a broken store has rooms")
	}
	k.keepBans(nil)
	if err := k.close(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := group.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// What the store is being given is waited for where it is asked for, and at the end.
func TestKeeperWaits(t *testing.T) {
	leaktest.Check(t)
	store := &memory{rooms: map[string]StoredRoom{}, wait: make(chan struct{})}
	k := newKeeper(store, slog.New(slog.DiscardHandler))
	say := func(text string) {
		k.keep("x", StoredRoom{Name: "x", Seq: 1, Events: []Event{{Text: text}}})
	}
	say("one")
	store.wait <- struct{}{} // it has begun
	for !k.kept("x") {
		runtime.Gosched()
	}
	if r, ok, err := k.load("x", 10); !ok || err != nil || len(r.Events) != 1 {
		t.Errorf("%d messages were loaded, %v", len(r.Events), err)
	}
	say("two")
	closed := make(chan error, 1)
	go func() { closed <- k.close() }()
	say("three")
	if k.kept("x") {
		t.Error("what waits is said to be kept")
	}
	close(store.wait)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := len(store.rooms["x"].Events); got != 3 {
		t.Errorf("%d messages are kept", got)
	}
}

// A member whose commands the home loop does not come to is not read without end.
func TestBusyHome(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 2}, Options{Rate: -1, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	addr := s.listen(Lines{OwnLines: true})
	c := join(t, addr, "ann")
	far := s.halls[1]
	members := func() (n, flying int, full bool) {
		seen := make(chan struct{})
		if err := far.loop.Post(func() {
			defer close(seen)
			if n = len(far.members); n > 0 {
				flying, full = far.members[0].flying, far.members[0].full
			}
		}); err != nil {
			t.Fatal(err)
		}
		<-seen
		return n, flying, full
	}
	if n, _, _ := members(); n == 0 { // it is at home
		c = join(t, addr, "bob")
	}
	busy := make(chan struct{})
	if err := s.home.loop.Post(func() { <-busy }); err != nil {
		t.Fatal(err)
	}
	const lines = 5000
	var talk sync.WaitGroup
	talk.Go(func() { _, _ = io.WriteString(c, strings.Repeat("x\n", lines)) })
	for full := false; !full; {
		var flying int
		if _, flying, full = members(); flying > flyingLimit+batchLimit {
			t.Errorf("%d commands are under way", flying)
			break
		}
	}
	close(busy)
	for range lines {
		c.until(": x")
	}
	talk.Wait()
}

// C6: rooms without end are not made, and empty ones go.
func TestManyRooms(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 2}, Options{Rate: -1, JoinRate: -1, MaxRooms: 50, KeepRoom: 1})
	c := join(t, s.listen(Lines{}), "ann")
	var talk sync.WaitGroup
	talk.Go(func() {
		for i := range 1000 {
			_, _ = fmt.Fprintf(c, "/join r%d\n/part r%d\n", i, i)
		}
		_, _ = io.WriteString(c, "/who lobby\n")
	})
	refused := false
	for {
		l := c.line()
		refused = refused || strings.Contains(l, "there are 50 rooms already")
		if strings.Contains(l, "here are") {
			break
		}
	}
	talk.Wait()
	if !refused {
		t.Error("1000 rooms were made")
	}
	swept := make(chan int)
	if err := s.home.loop.Post(func() {
		s.run(func(h *hub) { h.now = h.now.Add(time.Second); h.sweep() })
		swept <- len(s.hub.rooms)
	}); err != nil {
		t.Fatal(err)
	}
	if n := <-swept; n != 1 {
		t.Errorf("%d rooms are left", n)
	}
}

// Who has gone is in no room, should the home loop's word come after that.
func TestEnterAfterTheEnd(t *testing.T) {
	h := &hall{rooms: map[*room][]*Member{}}
	m := &Member{hall: h}
	h.add(m)
	h.forget(m)
	h.run([]op{{kind: opEnter, room: &room{}, member: m}, {kind: opExit, room: &room{}, member: m}})
	if len(h.rooms) > 0 || len(m.places) > 0 {
		t.Errorf("%d rooms, %d places", len(h.rooms), len(m.places))
	}
}

// Nobody is left behind anywhere when all have gone.
func TestNothingLeft(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Rate: -1})
		addr := s.listen(Lines{})
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 20 {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.WriteString(c, "/join a\n/join b\nhello\n/part a\n")
					if i%2 == 0 {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
				}
			})
		}
		all.Wait()
		for {
			shot, err := s.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if stats := s.group.Stats(); len(shot.Members) == 0 && stats.Conns == 0 && stats.Opened == 160 {
				break
			}
		}
		for _, h := range s.halls {
			checked := make(chan string)
			if err := h.loop.Post(func() {
				checked <- fmt.Sprint(len(h.members), len(h.rooms), len(h.pending))
			}); err != nil {
				t.Fatal(err)
			}
			if got := <-checked; got != "0 0 0" {
				t.Errorf("members, rooms and work that are left in a hall: %s", got)
			}
		}
	})
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// Who only looks whether there is a server leaves nothing behind, and nobody is told.
func TestProbes(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{hush: patience, ConnsPerAddr: -1, ConnRate: -1, AddrRate: -1, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
		lines, objects := s.listen(Lines{}), s.listen(JSON{})
		ann := dial(t, lines)
		ann.says("")
		ann.until("you are in the room")
		for range 5 {
			for _, addr := range []string{lines, objects} {
				for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
					_ = dialFrom(t, from, addr).Close()
				}
			}
		}
		for s.group.Stats().Conns != 1 || s.group.Stats().Opened != 21 {
			runtime.Gosched()
		}
		ann.says("/ping")
		ann.hears("** pong")
	})
}

// A command of one's own may have the name of quit: the end of a client is one all the
// same.
func TestOwnQuit(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 2}, Options{Commands: map[string]CommandSpec{"quit": {Do: func(c *Call) { c.Reply("sure?") }}}})
	c := join(t, s.listen(Lines{}), "ann")
	c.says("/quit")
	c.hears("** sure?")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.rest()
}

// A command of one's own that panics costs its connection, and no count is wrong after
// that.
func TestPanickingCommand(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		s := serve(t, r, Options{Commands: map[string]CommandSpec{"boom": {Do: func(*Call) { panic("boom") }}}})
		addr := s.listen(Lines{OwnLines: true})
		for range 3 {
			c := dial(t, addr)
			c.says("", "/boom")
			ann := join(t, addr, "ann")
			ann.says("hello")
			ann.until("ann: hello")
			ann.says("/quit")
			ann.rest()
		}
	})
}

// Addresses may give too many commands together where each connection may not, and
// patience with them is not used up by what was long ago.
func TestBurstsOfAnAddress(t *testing.T) {
	leaktest.Check(t)
	time := &clock{at: start}
	s := serve(t, reactor.Options{Loops: 1}, Options{Rate: -1, AddrRate: 500, AddrBurst: 4, ConnsPerAddr: 9, ConnRate: -1, now: time.now})
	c := join(t, s.listen(Lines{OwnLines: true}), "ann")
	for i := range 3 {
		time.move(3600e9)
		for n := range 8 {
			c.says(fmt.Sprintf("%d.%d", i, n))
			c.until(fmt.Sprintf("%d.%d", i, n))
		}
	}
}

// Who runs out of patience's time has said what came before that.
func TestLastWordsOfAFlood(t *testing.T) {
	leaktest.Check(t)
	time := &clock{at: start}
	s := serve(t, reactor.Options{Loops: 1}, Options{Rate: 100, Burst: 10, Patience: 1, now: time.now})
	addr := s.listen(Lines{OwnLines: true})
	ann, bob := join(t, addr, "ann"), join(t, addr, "bob")
	time.move(60e9)
	ann.says(strings.Repeat("x\n", 30)) // ten, one on credit, and with the next one patience ends
	n := 0
	for {
		l := bob.line()
		if strings.Contains(l, "ann has left: it said too much too fast") {
			break
		}
		if strings.Contains(l, "ann: x") {
			n++
		}
		if n == 11 {
			time.move(1e6)
		}
	}
	if n < 11 {
		t.Errorf("%d were said", n)
	}
	ann.until("too fast for too long")
}

// Messages that are empty are counted too.
func TestEmptyMessages(t *testing.T) {
	leaktest.Check(t)
	s := serve(t, reactor.Options{Loops: 1}, Options{Rate: 0.001, Burst: 10})
	join(t, s.listen(Lines{}), "ann")
	late := make(chan int)
	if err := s.home.loop.Post(func() {
		n, m := 0, s.home.members[0]
		for ; !m.late && n < 1000; n++ {
			m.Input([]byte{})
		}
		late <- n
	}); err != nil {
		t.Fatal(err)
	}
	if n := <-late; n > 11 {
		t.Errorf("%d were taken", n)
	}
}

// slowDoor is an Authenticator that takes its time.
type slowDoor struct{ open chan struct{} }

func (d slowDoor) Check(string, string) (Account, error) {
	<-d.open
	return Account{Name: "carl"}, nil
}
func (slowDoor) Reserved(string) bool { return false }

// Logins wait for their turn, so many and no more, and who has gone is not looked at.
func TestLoginsAreBounded(t *testing.T) {
	leaktest.Check(t)
	door := slowDoor{make(chan struct{})}
	s := serve(t, reactor.Options{Loops: 2}, Options{Auth: door, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	addr := s.listen(Lines{})
	var all []*client
	for range loginsWaiting + 5 {
		c := dial(t, addr)
		c.says("", "/login x")
		c.until("you are in the room")
		all = append(all, c)
	}
	for _, c := range all[loginsWaiting:] {
		c.until("logins cannot be looked at now")
	}
	for _, c := range all[10:] {
		_ = c.Close()
	}
	for s.group.Stats().Conns > 10 {
		runtime.Gosched()
	}
	close(door.open)
	for _, c := range all[:10] {
		c.until("you are logged in")
	}
}

// One address can have so many logins wait, and those of others are looked at in between.
func TestLoginsOfOneAddress(t *testing.T) {
	leaktest.Check(t)
	door := slowDoor{make(chan struct{})}
	s := serve(t, reactor.Options{Loops: 2}, Options{Auth: door})
	addr := s.listen(Lines{})
	log := func(from string) *client {
		c := dialFrom(t, from, addr)
		c.says("", "/login x")
		c.until("you are in the room")
		return c
	}
	var all []*client
	for range loginsOfSite {
		all = append(all, log("127.0.0.1"))
	}
	refused := log("127.0.0.1")
	refused.until("logins cannot be looked at now")
	all = append(all, log("127.0.0.2"))
	close(door.open)
	for _, c := range all {
		c.until("you are logged in")
	}
	refused.says("", "/login x")
	refused.until("you are logged in")
	left := make(chan int)
	if err := s.home.loop.Post(func() { left <- len(s.logins.sites) + s.logins.waiting }); err != nil {
		t.Fatal(err)
	}
	if n := <-left; n != 0 {
		t.Errorf("%d logins are still counted", n)
	}
}
