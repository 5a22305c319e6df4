// Command nbio is an echo server on nbio, level-triggered, with its handler on
// the pollers, as its own examples are.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
)

// readsAtOnce is how many times a connection is read before others have their
// turn, if it has so much. When the peer has ended its stream nbio closes the
// connection after the first turn, read to the end or not. The default of three
// reads would lose what comes after 192 KiB; so many empty the kernel's buffer.
const readsAtOnce = 128

func echo(c *nbio.Conn, p []byte) { _, _ = c.Write(p) }

// rest is what a connection of frames has of a request that is not complete.
type rest struct{ bytes []byte }

// frames answers request by request, as a protocol's handler does.
func frames(size int) func(*nbio.Conn, []byte) {
	return func(c *nbio.Conn, p []byte) {
		r := c.Session().(*rest)
		if len(r.bytes) > 0 {
			r.bytes = append(r.bytes, p...)
			p = r.bytes
		}
		for ; len(p) >= size; p = p[size:] {
			_, _ = c.Write(p[:size])
		}
		r.bytes = append(r.bytes[:0], p...)
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("nbio: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "pollers; UDP uses one of them")
	serve := flag.String("serve", "echo", "echo or udp")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	network, known := map[string]string{"echo": "tcp", "udp": "udp"}[*serve]
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *port < 0 || *port > 65535 || *frame < 0 || *loops < 1:
		refuse("-p, -frame or -loops is out of range")
	case !known:
		refuse("-serve %s: it serves echo, udp", *serve)
	}

	// Standard output is for one line.
	logging.Output = os.Stderr
	logging.SetLevel(logging.LevelError)
	e := nbio.NewEngine(nbio.Config{
		Network: network,
		Addrs:   []string{fmt.Sprintf("127.0.0.1:%d", *port)},
		NPoller: *loops,

		MaxConnReadTimesPerEventLoop: readsAtOnce,
	})
	e.OnData(echo)
	if *frame > 0 && network == "tcp" {
		e.OnOpen(func(c *nbio.Conn) { c.SetSession(&rest{}) })
		e.OnData(frames(*frame))
	}
	if err := e.Start(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %s://%s\n", network, e.Addrs[0])
	select {}
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
