//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"example.com/iomux"
	"example.com/iomux/selectors"
	"example.com/iomux/servers/socketserver"
)

// upper answers a line in capitals.
var upper = socketserver.HandlerFunc(func(r *socketserver.Request) error {
	line, err := r.ReadLine()
	if err != nil {
		return err
	}
	_, err = r.WriteString(strings.ToUpper(string(line)))
	return err
})

// ask sends a line and prints the answer.
func ask(s *socketserver.Server, line string) {
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, line)
	answer, err := io.ReadAll(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", answer)
}

func Example() {
	s, err := socketserver.NewTCP("127.0.0.1:0", upper, socketserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ServeForever(context.Background()) }()

	ask(s, "hello, world")

	if err := s.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-done, s.Close())
	// Output:
	// HELLO, WORLD
	// <nil> <nil>
}

// local lets in clients of this machine alone, and says who came.
type local struct{ socketserver.Base }

func (local) VerifyRequest(r *socketserver.Request) bool {
	addr, err := netip.ParseAddrPort(r.ClientAddr().String())
	return err == nil && addr.Addr().IsLoopback()
}

func (l local) FinishRequest(r *socketserver.Request) error {
	fmt.Println("before")
	defer fmt.Println("after")
	return l.Base.FinishRequest(r)
}

// What a subclass overrides in Python is a type that embeds Base here.
func ExampleHooks() {
	s, err := socketserver.NewTCP("127.0.0.1:0", upper, socketserver.Options{Hooks: local{}, Mode: socketserver.Sync})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	var client sync.WaitGroup
	client.Go(func() { ask(s, "hello") })
	if _, err := s.HandleRequest(context.Background()); err != nil {
		log.Fatal(err)
	}
	client.Wait()
	// Output:
	// before
	// after
	// HELLO
}

// One selector watches several servers: each is readable when a request waits.
func ExampleServer_Fd() {
	sel, err := selectors.New[*socketserver.Server]("")
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()
	var clients sync.WaitGroup
	for range 3 {
		s, err := socketserver.NewTCP("127.0.0.1:0", upper, socketserver.Options{})
		if err != nil {
			log.Fatal(err)
		}
		defer s.Close()
		if _, err := sel.Register(s.Fd(), iomux.Readable, s); err != nil {
			log.Fatal(err)
		}
		clients.Go(func() { ask(s, "hello") })
	}
	for served := 0; served < 3; {
		ready, err := sel.Select(time.Second)
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range ready {
			if ok, err := r.Key.Data.HandleRequest(context.Background()); ok && err == nil {
				served++
			}
		}
	}
	clients.Wait()
	// Output:
	// HELLO
	// HELLO
	// HELLO
}
