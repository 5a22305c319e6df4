// Command iomux is this project's echo servers and chat, on its reactor.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/iomux"
	"example.com/iomux/reactor"
)

// drainTime is less than what the runner gives a server to end.
const drainTime = time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("iomux: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "event loops")
	backend := flag.String("backend", "", "epoll, poll or select; the best by default")
	wait := flag.String("wait", "", "how an idle loop waits: fair or polite; the reactor's choice by default")
	timer := flag.Bool("timer", false, "measure how late the timer of an unrelated goroutine is, and print it at the end")
	serve := flag.String("serve", "echo", "echo, udp, chat or room")
	percent := flag.Float64("slow", 0, "echo: burn so many percent of the time, to be found out")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *port < 0 || *port > 65535 || *frame < 0 || *loops < 1 || !(*percent >= 0):
		refuse("-p, -frame, -loops or -slow is out of range")
	case *serve != "echo" && *serve != "udp" && *serve != "chat" && *serve != "room":
		refuse("-serve %s: it serves echo, udp, chat, room", *serve)
	case *serve == "udp" && *percent > 0:
		refuse("-slow is for connections")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	g, err := reactor.Open(reactor.Options{Loops: *loops, Backend: iomux.Backend(*backend), Wait: reactor.WaitMode(*wait)})
	if err != nil {
		log.Fatal(err)
	}
	var url string
	if *serve == "udp" {
		url, err = datagrams(g, *port)
	} else {
		var h reactor.Handler
		if h, err = handlerOf(g, *serve, *frame, *percent); err == nil {
			url, err = connections(g, *port, h)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", url)
	var late *lateness
	if *timer {
		late = watchTimer(ctx)
	}
	<-ctx.Done()
	if late != nil {
		fmt.Println(late)
	}
	grace, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := g.Shutdown(grace); err != nil {
		log.Fatal(err)
	}
}

// handlerOf is what serves connections.
func handlerOf(g *reactor.Group, serve string, frame int, percent float64) (reactor.Handler, error) {
	var h reactor.Handler = echo{}
	switch {
	case serve == "room":
		var err error
		if h, err = openRoom(g); err != nil {
			return nil, err
		}
	case serve == "chat":
		h = newChat(g.Loops())
	case frame > 0:
		h = frames{size: frame}
	}
	if percent > 0 {
		h = slower(h, percent, g.Loops())
	}
	return h, nil
}

// connections listens with h and returns where.
func connections(g *reactor.Group, port int, h reactor.Handler) (url string, err error) {
	ln, err := g.Listen(fmt.Sprintf("tcp://127.0.0.1:%d", port), h, reactor.ListenOptions{})
	if err != nil {
		return "", err
	}
	return ln.URL(), nil
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
