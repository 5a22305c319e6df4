//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"example.com/iomux/handover"
	"example.com/iomux/reactor"
)

// greeter greets with the version of its server, and hangs up.
type greeter struct {
	reactor.NopHandler
	version int
}

func (g greeter) Opened(c *reactor.Conn) {
	fmt.Fprintf(c, "version %d\n", g.version)
	c.Close()
}

// A server is replaced by its next version while clients connect. Here both are
// in one process; in life, each is a process of its own that does first what
// version 2 does and then what version 1 does.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "handover")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	place := filepath.Join(dir, "h.sock")

	// Version 1 finds nobody, listens, and waits for its successor.
	if _, err := handover.Take(ctx, place); !errors.Is(err, handover.ErrNobody) {
		log.Fatal(err)
	}
	first, err := reactor.Open(reactor.Options{Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := first.Listen("tcp://127.0.0.1:0", greeter{version: 1}, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	server, err := handover.Listen(place)
	if err != nil {
		log.Fatal(err)
	}
	server.Logger = slog.New(slog.DiscardHandler)
	ended := make(chan error)
	go func() {
		sockets := func() ([]handover.Socket, error) {
			files, err := listener.Files()
			return []handover.Socket{{Name: "greetings", URL: listener.URL(), Files: files}}, err
		}
		if err := server.Serve(ctx, sockets, listener.Leave); err != nil {
			log.Fatal(err)
		}
		ended <- first.Shutdown(ctx)
	}()
	fmt.Print(greeting(listener.Addr()))

	// Version 2 takes over.
	taken, err := handover.Take(ctx, place)
	if err != nil {
		log.Fatal(err)
	}
	second, err := reactor.Open(reactor.Options{Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range taken.Sockets {
		if _, err := second.Adopt(s.Files, greeter{version: 2}, reactor.ListenOptions{}); err != nil {
			log.Fatal(err)
		}
		fmt.Println("has", s.Name)
	}
	server, err = taken.Done(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the first has ended:", errors.Join(<-ended, taken.Close()))
	fmt.Print(greeting(listener.Addr()))

	// It would now wait for its own successor: server.Serve.
	fmt.Println(errors.Join(server.Close(), second.Shutdown(ctx)))
	// Output:
	// version 1
	// has greetings
	// the first has ended: <nil>
	// version 2
	// <nil>
}

func greeting(address net.Addr) string {
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}
