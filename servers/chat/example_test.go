//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"strings"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/chat"
)

// loud is a codec of one's own: the lines of the chat, and what is said in upper case.
type loud struct{ chat.Lines }

func (l loud) Encode(dst []byte, e *chat.Event) []byte {
	if e.Kind == chat.Said {
		return fmt.Appendf(dst, "%s: %s\r\n", e.Nick, strings.ToUpper(e.Text))
	}
	return l.Lines.Encode(dst, e)
}

// A chat with a command and a codec of one's own.
func Example() {
	group, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server, err := chat.New(group, chat.Options{Commands: map[string]chat.CommandSpec{
		"roll": {Usage: "", Help: "throw a die", Do: func(c *chat.Call) { c.Say(fmt.Sprintf("throws a %d", 1+rand.IntN(6))) }},
	}})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := group.Listen("tcp://127.0.0.1:0", server.Handler(loud{chat.Lines{OwnLines: true}}), reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "/nick ann\nhello\n/roll\n")
	client.(*net.TCPConn).CloseWrite()
	for lines := bufio.NewScanner(io.Reader(client)); lines.Scan(); {
		fmt.Println(strings.TrimRight(lines.Text(), " 123456"))
	}
	client.Close()
	fmt.Println(group.Shutdown(context.Background()))
	// Output:
	// ** Welcome to iomux. You are guest1; /nick NAME changes that, /help lists what there is.
	// [lobby] ** you are in the room, with nobody else. /part leaves it.
	// ** you are called ann now
	// ann: HELLO
	// ann: THROWS A
	// <nil>
}
