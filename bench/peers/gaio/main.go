// Command gaio is an echo server on gaio, written as its own example is: reads
// and writes are ordered, and what has become of them is told later.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/xtaci/gaio"
)

// bufSize is what the other servers read at once.
const bufSize = 64 << 10

// peer is one connection: either a read of it is under way or writes are, so one
// buffer does, and whoever does not read its echoes is not read from either.
type peer struct {
	buf       []byte
	had, done int // bytes that have been read, and of those answered
	writes    int // under way
}

type server struct {
	*gaio.Watcher
	frame int
}

// run is the loop of one watcher.
func (s server) run() {
	for {
		results, err := s.WaitIO()
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range results {
			p, ours := r.Context.(*peer)
			switch {
			case !ours: // a connection was to be freed that had been already
			case r.Error != nil:
				check(s.Free(r.Conn))
			case r.Operation == gaio.OpRead:
				p.had += r.Size
				s.answer(r.Conn, p)
			case r.Operation == gaio.OpWrite:
				if p.writes--; p.writes == 0 {
					p.had = copy(p.buf, p.buf[p.done:p.had])
					p.done = 0
					s.read(r.Conn, p)
				}
			}
		}
	}
}

func (s server) read(c net.Conn, p *peer) { check(s.Read(p, c, p.buf[p.had:])) }

// answer writes back what has been read, or request by request, as a protocol's
// handler does.
func (s server) answer(c net.Conn, p *peer) {
	size := s.frame
	if size == 0 {
		size = p.had
	}
	for ; p.had-p.done >= size; p.done += size {
		p.writes++
		check(s.Write(p, c, p.buf[p.done:p.done+size]))
	}
	if p.writes == 0 {
		s.read(c, p)
	}
}

// check is for orders, which fail only when the watcher has ended.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gaio: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "watchers")
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

	servers := make([]server, *loops)
	for i := range servers {
		w, err := gaio.NewWatcher()
		check(err)
		servers[i] = server{w, *frame}
		go servers[i].run()
	}
	ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	check(err)
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	for i := 0; ; i++ {
		c, err := ln.Accept()
		check(err)
		servers[i%*loops].read(c, &peer{buf: make([]byte, max(bufSize, *frame))})
	}
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
