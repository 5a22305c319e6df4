// Command gnet is a server on gnet, written as its own examples and benchmarks
// are.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"syscall"

	"github.com/panjf2000/gnet/v2"
)

// server is what all of them have in common.
type server struct {
	gnet.BuiltinEventEngine
	scheme string
}

// OnBoot tells where the server listens: the sockets exist by now, so whoever
// comes after this line is served.
func (s *server) OnBoot(eng gnet.Engine) gnet.Action {
	fd, err := eng.Dup()
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	at, err := syscall.Getsockname(fd)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %s://127.0.0.1:%d\n", s.scheme, at.(*syscall.SockaddrInet4).Port)
	return gnet.None
}

// errorsOnly is a logger to keep gnet's own from standard output, which is for
// one line.
type errorsOnly struct{}

func (errorsOnly) Debugf(string, ...any)          {}
func (errorsOnly) Infof(string, ...any)           {}
func (errorsOnly) Warnf(string, ...any)           {}
func (errorsOnly) Errorf(format string, v ...any) { log.Printf(format, v...) }
func (errorsOnly) Fatalf(format string, v ...any) { log.Fatalf(format, v...) }

func main() {
	log.SetFlags(0)
	log.SetPrefix("gnet: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "event loops")
	serve := flag.String("serve", "echo", "echo, udp, chat or room")
	gather := flag.Bool("gather", false, "chat: one write a member for all lines that came together")
	reusePort := flag.Bool("reuseport", false, "a listener per loop instead of an accepting loop")
	edge := flag.Bool("edge", false, "edge-triggered")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *port < 0 || *port > 65535 || *frame < 0 || *loops < 1:
		refuse("-p, -frame or -loops is out of range")
	}

	var h gnet.EventHandler
	scheme := "tcp"
	switch *serve {
	case "echo":
		h = &echo{server: server{scheme: scheme}, frame: *frame}
	case "udp":
		scheme = "udp"
		h = &echo{server: server{scheme: scheme}}
		if *port == 0 {
			*port = freePort() // or else each loop would get another
		}
	case "room":
		h = &crowd{server: server{scheme: scheme}}
	case "chat":
		one := chat{server: server{scheme: scheme}, gather: *gather}
		h = &one
		if *loops > 1 {
			h = &wideChat{chat: one}
		}
	default:
		refuse("-serve %s: it serves echo, udp, chat, room", *serve)
	}
	room := 0 // the kernel's choice
	if scheme == "udp" {
		room = 4 << 20 // as the C server: a burst must find room
	}
	log.Fatal(gnet.Run(h, fmt.Sprintf("%s://127.0.0.1:%d", scheme, *port),
		gnet.WithMulticore(true), gnet.WithNumEventLoop(*loops),
		gnet.WithLogger(errorsOnly{}), gnet.WithSocketRecvBuffer(room),
		gnet.WithReusePort(*reusePort), gnet.WithEdgeTriggeredIO(*edge)))
}

// freePort is a UDP port that nobody uses.
func freePort() int {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
