// Command gnet is an echo server on gnet, written as its own examples and
// benchmarks are.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/panjf2000/gnet/v2"
)

type echo struct {
	gnet.BuiltinEventEngine
	frame int
}

// OnBoot tells where the server listens: the sockets exist by now, so whoever
// connects after this line is served.
func (*echo) OnBoot(eng gnet.Engine) gnet.Action {
	fd, err := eng.Dup()
	if err != nil {
		log.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	return gnet.None
}

func (e *echo) OnTraffic(c gnet.Conn) gnet.Action {
	if e.frame > 0 {
		return e.frames(c)
	}
	p, _ := c.Next(-1)
	c.Write(p)
	return gnet.None
}

// frames answers request by request, as a protocol's handler does.
func (e *echo) frames(c gnet.Conn) gnet.Action {
	for c.InboundBuffered() >= e.frame {
		p, err := c.Next(e.frame)
		if err != nil {
			return gnet.Close
		}
		c.Write(p)
	}
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
	reusePort := flag.Bool("reuseport", false, "a listener per loop instead of an accepting loop")
	edge := flag.Bool("edge", false, "edge-triggered")
	flag.Parse()

	log.Fatal(gnet.Run(&echo{frame: *frame}, fmt.Sprintf("tcp://127.0.0.1:%d", *port),
		gnet.WithMulticore(true), gnet.WithNumEventLoop(*loops),
		gnet.WithLogger(errorsOnly{}),
		gnet.WithReusePort(*reusePort), gnet.WithEdgeTriggeredIO(*edge)))
}
