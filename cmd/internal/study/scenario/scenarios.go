//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"fmt"
	"net"
	"strings"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/reactor"
)

// Scenario is a dialogue that shows one thing.
type Scenario struct {
	Name  string
	Shows string // in a line
	app   app
	local bool // over a Unix socket
	// Of the server's sockets, where the scenario depends on them.
	socket reactor.SocketOptions
	play   func(*script)
}

// Scenarios are all there are.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "ping-pong", Shows: "one client, two messages: what a message costs", app: echo, play: pingPong},
		{Name: "two-clients", Shows: "two that are ready at once: one wait finds both", app: echo, play: twoClients},
		{Name: "slow-reader", Shows: "a client that does not read: a write taken in part, and a wait for room", app: big,
			local: true, socket: reactor.SocketOptions{WriteBuffer: 16 << 10}, play: slowReader},
		{Name: "half-close", Shows: "a client that sends its end and still listens: RDHUP", app: echo, play: halfClose},
		{Name: "reset", Shows: "a client that resets: an error instead of an end", app: echo, play: reset},
		{Name: "burst", Shows: "many messages in one read, and a read that fills the buffer", app: echo,
			socket: reactor.SocketOptions{ReadBuffer: 256 << 10, WriteBuffer: 256 << 10}, play: burst},
		{Name: "accept-storm", Shows: "18 clients at once: accept until EAGAIN, or until others have their turn", app: echo, play: storm},
		{Name: "timer", Shows: "a wait that ends because time is over", app: later, play: timer},
	}
}

// Find is the scenario of a name.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

func pingPong(s *script) {
	c := s.connect("client 1")
	for range 2 {
		s.step(`client 1 sends "ping" and reads the answer`, func() { c.send("ping"); c.want("ping") }, any)
	}
	c.leave()
}

func twoClients(s *script) {
	a, b := s.connect("client 1"), s.connect("client 2")
	s.step("while the loop is busy with a posted function, both clients send", func() {
		release := s.hold()
		a.send("one")
		b.send("two")
		release()
		a.want("one")
		b.want("two")
	}, any)
	a.leave()
	b.leave()
}

// The two talk over a Unix socket, where what the server may send depends on nothing but
// what the client has read: TCP's confirmations come when the kernels like.
func slowReader(s *script) {
	c := s.connect("client 1")
	s.step("client 1 asks for 96 KiB, and does not read them", func() { c.send("all of it, please") }, any)
	read := 0
	for written := s.rec.State().Written; written < bigSize; written = s.rec.State().Written {
		s.step("client 1 reads all that has come, while the loop is busy", func() {
			release := s.hold() // or it would send more meanwhile
			c.want(strings.Repeat("x", written-read))
			read = written
			release()
		}, func(st trace.State) bool { return st.Written > written })
	}
	open := s.rec.State().Open
	s.step("client 1 reads the rest and closes its connection, while the loop is busy", func() {
		release := s.hold() // or an edge might come in between
		c.want(strings.Repeat("x", bigSize-read))
		s.must("close", c.Close())
		release()
	}, func(st trace.State) bool { return st.Open < open })
}

func halfClose(s *script) {
	c := s.connect("client 1")
	open := s.rec.State().Open
	s.step(`client 1 sends "last words" and its end of file, while the loop is busy, and reads the answer`, func() {
		release := s.hold()
		c.send("last words")
		s.must("send its end", c.Conn.(*net.TCPConn).CloseWrite())
		release()
		c.want("last words")
		c.wantEnd()
	}, func(st trace.State) bool { return st.Open < open })
	s.must("close", c.Close())
}

func reset(s *script) {
	c := s.connect("client 1")
	s.step(`client 1 sends "hello" and reads the answer`, func() { c.send("hello"); c.want("hello") }, any)
	open := s.rec.State().Open
	s.step("client 1 resets its connection", func() {
		s.must("ask for a reset", c.Conn.(*net.TCPConn).SetLinger(0))
		s.must("close", c.Close())
	}, func(st trace.State) bool { return st.Open < open })
}

func burst(s *script) {
	c := s.connect("client 1")
	s.step("while the loop is busy, client 1 sends 8 messages of 20 bytes", func() {
		release := s.hold()
		message := letters(20)
		for range 8 { // with more than ten, the kernels would have to agree about more
			c.send(message)
		}
		release()
		c.want(strings.Repeat(message, 8))
	}, any)
	s.step("while the loop is busy, client 1 sends 66536 bytes, 1000 more than the loop's buffer has room for", func() {
		release := s.hold()
		message := letters(64<<10 + 1000)
		c.send(message)
		release()
		c.want(message)
	}, any)
	c.leave()
}

// crowd is more than the reactor accepts in one turn.
const crowd = 18

func storm(s *script) {
	var clients []*client
	s.step(fmt.Sprintf("while the loop is busy, %d clients connect", crowd), func() {
		release := s.hold()
		for i := range crowd {
			clients = append(clients, s.dial(fmt.Sprintf("client %d", i+1)))
		}
		release()
	}, func(st trace.State) bool { return st.Accepted == crowd })
	s.step("while the loop is busy, all of them close", func() {
		release := s.hold()
		for _, c := range clients {
			s.must("close", c.Close())
		}
		release()
	}, func(st trace.State) bool { return st.Open == 0 })
}

func timer(s *script) {
	c := s.connect("client 1")
	s.step("client 1 asks for two answers, each 50 ms later, and reads them", func() {
		c.send("later, please")
		c.want("one\ntwo\n")
	}, any)
	c.leave()
}
