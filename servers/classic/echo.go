//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"example.com/iomux/reactor"
)

// echo is TCP, UDP and Unix echo: what comes goes back. Its originals wait for a client
// after the other, or for several by select, poll or selectors; what goes over the wire
// is the same.
var echo = Entry{
	Name:   "echo",
	About:  "sends back what it gets",
	Listen: []string{"tcp://127.0.0.1:10000", "udp://127.0.0.1:10000"},
	Kinds:  []string{"tcp", "udp", "unix", "unixgram"},
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		e := &echoing{}
		flags.IntVar(&e.chunk, "chunk", 0, "how many bytes the transcript shows on a line, `N` (default 16)")
		flags.BoolVar(&e.once, "once", false, "end when the first client has ended")
		flags.DurationVar(&e.idle.every, "idle", 0, "say in the transcript when nothing has happened for this `TIME`")
		return e.start
	},
}

// pieceSize is how much the originals receive at a time.
const pieceSize = 16

// echoing serves connections.
type echoing struct {
	reactor.NopHandler
	chunk int
	once  bool
	idle  idling
	say   *transcript
	end   func(error)
}

func (e *echoing) start(o Options) (*Server, error) {
	if err := o.wantsTranscript("chunk", e.chunk != 0); err != nil {
		return nil, err
	}
	if err := o.wantsTranscript("idle", e.idle.every != 0); err != nil {
		return nil, err
	}
	if e.chunk < 0 || e.idle.every < 0 {
		return nil, fmt.Errorf("classic: %w: chunk is %d and idle is %v, want positive ones", reactor.ErrOption, e.chunk, e.idle.every)
	}
	if e.chunk == 0 {
		e.chunk = pieceSize
	}
	e.say, e.idle.say = o.say, o.say
	s, err := onLoops(o, func(s *Server, g *reactor.Group) handlers {
		e.end = s.end
		e.idle.start(g.Loops()[0])
		return handlers{e, echoPackets{e}}
	})
	if err != nil {
		return nil, err
	}
	for _, url := range s.urls {
		e.say.line("starting up on %s", place(url))
		if isPacket(url) {
			e.say.line("\nwaiting to receive message")
		} else {
			e.say.line("waiting for a connection")
		}
	}
	return s, nil
}

// Opened implements reactor.Handler.
func (e *echoing) Opened(c *reactor.Conn) {
	e.idle.touch()
	if e.say != nil {
		e.say.line("connection from %s", pyAddr(c.RemoteAddr()))
	}
}

// Data implements reactor.Handler.
func (e *echoing) Data(c *reactor.Conn, p []byte) int {
	e.idle.touch()
	if e.say == nil {
		c.Write(p)
		return len(p)
	}
	for rest := p; len(rest) > 0; {
		piece := rest[:min(e.chunk, len(rest))]
		rest = rest[len(piece):]
		e.say.line("received %s", pyBytes(piece))
		e.say.line("sending data back to the client")
		c.Write(piece)
	}
	return len(p)
}

// Closed implements reactor.Handler.
func (e *echoing) Closed(c *reactor.Conn, err error) {
	e.idle.touch()
	if e.say != nil && errors.Is(err, io.EOF) {
		e.say.line("received b''")
		e.say.line("no data from %s", pyAddr(c.RemoteAddr()))
	}
	if e.once {
		e.say.line("shutting down")
		e.end(nil)
		return
	}
	e.say.line("waiting for a connection")
}

// echoPackets serves datagrams.
type echoPackets struct{ *echoing }

// Packet implements reactor.PacketHandler. An empty datagram is not answered, as in the
// original.
func (e echoPackets) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	e.idle.touch()
	if e.say != nil {
		e.say.line("received %d bytes from %s", len(p), pyAddr(peerAddr(from)))
		e.say.line("%s", pyBytes(p))
	}
	sent := len(p) > 0 && answersPeer(s, from) && s.WriteTo(p, from) == nil
	if sent && e.say != nil {
		e.say.line("sent %d bytes back to %s", len(p), pyAddr(peerAddr(from)))
	}
	e.say.line("\nwaiting to receive message")
}

// idling says when nothing has happened for a while, as a select that times out.
type idling struct {
	every time.Duration // 0: never
	say   *transcript
	began time.Time
	last  atomic.Int64 // when something has happened, since began
}

// touch is told that something has happened. Any goroutine may call it.
func (i *idling) touch() {
	if i.every > 0 {
		i.last.Store(int64(time.Since(i.began)))
	}
}

// start begins to look, on a loop that has just begun.
func (i *idling) start(l *reactor.Loop) {
	if i.every == 0 {
		return
	}
	i.began = time.Now()
	_ = l.Post(func() { i.look(l, i.every) }) // it has not ended
}

// look looks again in a while.
func (i *idling) look(l *reactor.Loop, in time.Duration) {
	l.After(in, func() { i.look(l, i.ring(time.Since(i.began))) })
}

// ring says that nothing has happened, if that is so, and returns when to look again.
func (i *idling) ring(now time.Duration) (in time.Duration) {
	left := time.Duration(i.last.Load()) + i.every - now
	if left > 0 {
		return left
	}
	i.say.line("timed out, do some other work here")
	i.last.Store(int64(now))
	return i.every
}
