//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"example.com/iomux/reactor"
)

// shout answers each whole line with the line in capitals.
type shout struct{ reactor.NopHandler }

func (shout) Data(c *reactor.Conn, p []byte) (used int) {
	for {
		i := bytes.IndexByte(p[used:], '\n')
		if i < 0 {
			return used // the rest of the line comes with the next call
		}
		fmt.Fprintf(c, "%s\n", strings.ToUpper(string(p[used:used+i])))
		used += i + 1
	}
}

// A group of one loop, a listener on a port of the kernel's choice, and a client.
func Example() {
	g, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.Listen("tcp://127.0.0.1:0", shout{}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Fprint(client, "hello\nwor")
	fmt.Fprint(client, "ld\n")
	answer := make([]byte, len("hello\nworld\n"))
	if _, err := io.ReadFull(client, answer); err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(answer))

	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	_, err = client.Read(answer)
	fmt.Println("then:", err)
	// Output:
	// HELLO
	// WORLD
	// then: EOF
}

// counter counts what has been received, in a place of each connection's own.
type counter struct {
	reactor.NopHandler
	conns chan *reactor.Conn
}

func (h counter) Opened(c *reactor.Conn) {
	c.SetContext(new(int))
	h.conns <- c
}

func (counter) Data(c *reactor.Conn, p []byte) int {
	*c.Context().(*int) += len(p)
	return len(p)
}

// Another goroutine reaches a connection through its loop.
func ExampleConn_Post() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	h := counter{conns: make(chan *reactor.Conn, 1)}
	ln, err := g.Listen("tcp://127.0.0.1:0", h, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c := <-h.conns
	if err := c.Post(func() { fmt.Fprintln(c, "news for you") }); err != nil {
		log.Fatal(err)
	}
	line := make([]byte, len("news for you\n"))
	if _, err := io.ReadFull(client, line); err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(line))
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: news for you
}

// Timers are set on the loop's goroutine: in a handler, or in a function posted
// to the loop.
func ExampleLoop_Every() {
	g, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		log.Fatal(err)
	}
	loop := g.Loops()[0]
	done := make(chan struct{})
	err = loop.Post(func() {
		n := 0
		var ticks *reactor.Timer
		ticks = loop.Every(time.Millisecond, func() {
			n++
			fmt.Println("tick", n)
			if n == 3 {
				ticks.Stop()
				close(done)
			}
		})
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// tick 1
	// tick 2
	// tick 3
}
