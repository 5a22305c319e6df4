// Command iomux is this project's echo server, on its reactor.
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

type echo struct{ reactor.NopHandler }

func (echo) Data(c *reactor.Conn, p []byte) int {
	c.Write(p)
	return len(p)
}

// frames answers request by request, as a protocol's handler does.
type frames struct {
	reactor.NopHandler
	size int
}

func (f frames) Data(c *reactor.Conn, p []byte) int {
	used := 0
	for ; len(p)-used >= f.size; used += f.size {
		c.Write(p[used : used+f.size])
	}
	return used
}

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
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	g, err := reactor.Open(reactor.Options{Loops: *loops, Backend: iomux.Backend(*backend), Wait: reactor.WaitMode(*wait)})
	if err != nil {
		log.Fatal(err)
	}
	var h reactor.Handler = echo{}
	if *frame > 0 {
		h = frames{size: *frame}
	}
	ln, err := g.Listen(fmt.Sprintf("tcp://127.0.0.1:%d", *port), h)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", ln.URL())
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
