//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"strings"

	"example.com/iomux/reactor"
)

// shoutPackets answers each datagram with itself in capitals.
type shoutPackets struct{}

func (shoutPackets) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	_ = s.WriteTo([]byte(strings.ToUpper(string(p))), from) // what cannot be sent is lost, as a datagram may be
}

// A server of datagrams and a client.
func ExampleGroup_ListenPacket() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.ListenPacket("udp://127.0.0.1:0", shoutPackets{}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("udp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	answer := make([]byte, 100)
	for _, word := range []string{"hello", "", "world"} {
		client.Write([]byte(word)) // an empty datagram is one, too
		n, err := client.Read(answer)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", answer[:n])
	}
	client.Close()

	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// "HELLO"
	// ""
	// "WORLD"
}

// asker prints the answer to its question.
type asker struct{ done chan struct{} }

func (a asker) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	fmt.Printf("%s\n", p)
	s.Close()
	close(a.done)
}

// PacketError is told when nobody is there to answer.
func (a asker) PacketError(s *reactor.PacketConn, err error) { fmt.Println(err) }

// A client on the loop: its socket is connected to one peer, and it is told when
// that is not there.
func ExampleLoop_DialPacket() {
	g, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.ListenPacket("udp://127.0.0.1:0", shoutPackets{}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{})
	loop := g.Loops()[0]
	err = loop.Post(func() {
		s, err := loop.DialPacket(ln.URL(), asker{done}, reactor.ListenOptions{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprint(s, "anybody there?")
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: ANYBODY THERE?
}
