// Command netpoll is an echo server on CloudWeGo's netpoll: pollers read into
// the connections' buffers, and handlers run in a pool of goroutines.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/cloudwego/netpoll"
)

// echo answers what there is, or frame bytes at a time. It is called again
// while there is more.
func echo(frame int) netpoll.OnRequest {
	return func(_ context.Context, c netpoll.Connection) error {
		r, w := c.Reader(), c.Writer()
		defer func() { _ = r.Release() }() // what was read is kept until then
		size := frame
		if size == 0 {
			size = r.Len()
		}
		p, err := r.Next(size) // waits for the rest of a frame
		if err == nil {
			_, err = w.WriteBinary(p)
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			// The error alone would have this called again, for ever, as long as
			// half a frame is left.
			_ = c.Close()
		}
		return err
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("netpoll: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "pollers")
	serve := flag.String("serve", "echo", "echo")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *port < 0 || *port > 65535 || *frame < 0 || *loops < 1:
		refuse("-p, -frame or -loops is out of range")
	case *serve != "echo":
		refuse("-serve %s: it serves echo", *serve)
	}

	// One poller for twenty processors, which is the default, is far too few for
	// handlers as short as these.
	if err := netpoll.Configure(netpoll.Config{PollerNum: *loops}); err != nil {
		log.Fatal(err)
	}
	ln, err := netpoll.CreateListener("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	events, err := netpoll.NewEventLoop(echo(*frame))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	log.Fatal(events.Serve(ln))
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
