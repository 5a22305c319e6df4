//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"example.com/iomux/reactor"
)

// caller says something and prints what comes back.
type caller struct {
	reactor.NopHandler
	done chan struct{}
}

func (caller) Opened(c *reactor.Conn) { fmt.Fprint(c, "hello") }

func (caller) Data(c *reactor.Conn, p []byte) int {
	fmt.Printf("answer: %s\n", p)
	c.Close()
	return len(p)
}

func (h caller) Closed(*reactor.Conn, error) { close(h.done) }

// A connection from this side is served by a handler like any other.
func ExampleLoop_Dial() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.Listen("tcp://127.0.0.1:0", shouter{}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{})
	failed := func(err error) { log.Fatal(err) }
	_, err = g.Loops()[0].Dial(ln.URL(), caller{done: done}, reactor.DialOptions{Timeout: 5 * time.Second}, failed)
	if err != nil {
		log.Fatal(err)
	}
	<-done
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: answer: HELLO
}

// shouter answers in capitals.
type shouter struct{ reactor.NopHandler }

func (shouter) Data(c *reactor.Conn, p []byte) int {
	c.Write(bytes.ToUpper(p))
	return len(p)
}

// total answers with the number of bytes when the client has sent all.
type total struct{ reactor.NopHandler }

func (total) Opened(c *reactor.Conn) { c.SetContext(new(int)) }

func (total) Data(c *reactor.Conn, p []byte) int {
	*c.Context().(*int) += len(p)
	return len(p)
}

func (total) HalfClosed(c *reactor.Conn) {
	fmt.Fprintf(c, "%d bytes\n", *c.Context().(*int))
	c.CloseWrite() // both ends are said: the connection closes when this is sent
}

// A handler that is a HalfCloser goes on when the peer has sent its end of file.
func ExampleHalfCloser() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.Listen("tcp://127.0.0.1:0", total{}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Fprint(client, "one, two, three")
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		log.Fatal(err)
	}
	answer, err := io.ReadAll(client)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", answer)
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: 15 bytes
}

// Shutdown gives connections time to end in order, and says which it had to cut.
func ExampleGroup_Shutdown() {
	g, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		log.Fatal(err)
	}
	opened := make(chan *reactor.Conn, 1)
	ln, err := g.Listen("tcp://127.0.0.1:0", counter{conns: opened}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c := <-opened
	// Somebody who never reads: a Close would wait for them.
	if err := c.Post(func() {
		for range 100 {
			c.Write(make([]byte, 128<<10))
			if c.Buffered() > 0 {
				break
			}
		}
	}); err != nil {
		log.Fatal(err)
	}

	soon, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = g.Shutdown(soon)
	var forced *reactor.ForcedError
	if errors.As(err, &forced) {
		fmt.Println("cut:", forced.Count)
	}
	fmt.Println("out of time:", errors.Is(err, context.DeadlineExceeded))
	// Output:
	// cut: 1
	// out of time: true
}
