//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"example.com/iomux/adapters/websocket"
	"example.com/iomux/reactor"
)

// echo sends each message back, as a browser would see from its WebSocket's onmessage.
type echo struct{ websocket.NopHandler }

func (echo) Message(c *websocket.Conn, text bool, p []byte) {
	_ = c.Write(text, p) // an error ends the connection, and Closed gets it
}

// An endpoint and a page on one port, and a client that blocks.
func Example() {
	server, err := websocket.New(echo{}, websocket.Options{
		Path: "/echo",
		HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<script>ws = new WebSocket("/echo")</script>`)
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	group, err := reactor.Open(reactor.Options{Timeouts: reactor.Timeouts{Handshake: 10 * time.Second, Read: 10 * time.Second, Write: 30 * time.Second}})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := group.Listen("tcp://127.0.0.1:0", server, reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	client, _, _, err := ws.Dial(ctx, "ws://"+listener.Addr().String()+"/echo")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := wsutil.WriteClientText(client, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	answer, err := wsutil.ReadServerText(client)
	fmt.Printf("%s %v\n", answer, err)

	ended := make(chan error, 1)
	go func() {
		_, err := wsutil.ReadServerText(client) // answers the close frame
		ended <- err
	}()
	fmt.Println(server.Shutdown(ctx))
	if closed := (wsutil.ClosedError{}); errors.As(<-ended, &closed) {
		fmt.Println(closed.Code)
	}
	fmt.Println(group.Shutdown(ctx))
	// Output:
	// hello <nil>
	// <nil>
	// 1001
	// <nil>
}
