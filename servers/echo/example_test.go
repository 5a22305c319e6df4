//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

func Example() {
	group, err := reactor.Open(reactor.Options{}) // one loop a processor
	if err != nil {
		log.Fatal(err)
	}
	listener, err := group.Listen("tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{}) // 0: any free port
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "This is the message.  It will be repeated.")
	client.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(client)
	fmt.Printf("%s %v\n", answer, err)
	client.Close()

	fmt.Println(group.Shutdown(context.Background()))
	// Output:
	// This is the message.  It will be repeated. <nil>
	// <nil>
}
