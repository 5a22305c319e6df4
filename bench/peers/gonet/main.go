// Command gonet is the standard library's server: a goroutine per connection, as
// every Go programmer would write it first.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
)

const (
	// bufSize is of a connection's own buffer, which a loop's servers do not
	// need: large enough for a message of any scenario, and no larger, for it is
	// made and cleared for each.
	bufSize = 16 << 10
	// lineSize is the longest line of a chat, and more than any datagram.
	lineSize = 64 << 10
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gonet: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "taken for the sake of the others: there are no loops here")
	serve := flag.String("serve", "echo", "echo, udp or chat")
	buf := flag.Int("buf", bufSize, "echo: bytes of each connection's buffer")
	gather := flag.Bool("gather", false, "chat: one write a member for all lines that came together")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *port < 0 || *port > 65535 || *frame < 0 || *loops < 1 || *buf < 1:
		refuse("-p, -frame, -loops or -buf is out of range")
	}

	at := fmt.Sprintf("127.0.0.1:%d", *port)
	switch {
	case *serve == "echo" && *frame > 0:
		serveTCP(at, func(c net.Conn) { frames(c, *frame, *buf) })
	case *serve == "echo":
		serveTCP(at, func(c net.Conn) { echo(c, *buf) })
	case *serve == "chat":
		everyone := room{gather: *gather, members: map[*member]struct{}{}}
		serveTCP(at, everyone.serve)
	case *serve == "udp":
		serveUDP(at)
	default:
		refuse("-serve %s: it serves echo, udp, chat", *serve)
	}
}

func serveTCP(at string, handle func(net.Conn)) {
	ln, err := net.Listen("tcp4", at)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go handle(c)
	}
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
