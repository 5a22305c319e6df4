// Command evio is an echo server on evio, written as its own example is.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"syscall"

	"github.com/tidwall/evio"
)

// serving tells where the server listens: the socket exists by now, so whoever
// connects after this line is served.
func serving(s evio.Server) evio.Action {
	at := s.Addrs[0]
	if at.Network() == "tcp" {
		if err := noDelay(); err != nil {
			log.Print(err)
			return evio.Shutdown
		}
	}
	fmt.Printf("listening %s://%v\n", at.Network(), at)
	return evio.None
}

// noDelay sets TCP_NODELAY on the listening sockets, from which Linux hands it
// on to what is accepted. Evio, alone of all, leaves Nagle's algorithm on, and
// shows its users no descriptor to turn it off with: so they are looked for.
func noDelay() error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, f := range fds {
		var fd int
		if _, err := fmt.Sscan(f.Name(), &fd); err != nil {
			return err
		}
		listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			continue // no socket, or another
		}
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	return nil
}

func echo(_ evio.Conn, in []byte) ([]byte, evio.Action) { return in, evio.None }

// request is what a connection of frames keeps: the one that is not complete,
// and room for answers.
type request struct {
	evio.InputStream
	out []byte
}

// frames answers request by request, as a protocol's handler does. All answers
// of one call go out in one write, and not before the next turn of the loop:
// evio knows no other way.
func frames(size int) func(evio.Conn, []byte) ([]byte, evio.Action) {
	return func(c evio.Conn, in []byte) ([]byte, evio.Action) {
		r := c.Context().(*request)
		r.out = r.out[:0]
		in = r.Begin(in)
		for ; len(in) >= size; in = in[size:] {
			r.out = append(r.out, in[:size]...)
		}
		r.End(in)
		return r.out, evio.None
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("evio: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes by themselves; 0 answers what a read brought")
	loops := flag.Int("loops", 1, "event loops")
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

	events := evio.Events{NumLoops: *loops, Serving: serving, Data: echo}
	events.Opened = func(c evio.Conn) ([]byte, evio.Options, evio.Action) {
		c.SetContext(&request{})
		// Data uses its input within the call, so it need not be a copy.
		return nil, evio.Options{ReuseInputBuffer: true}, evio.None
	}
	if *frame > 0 && network == "tcp" {
		events.Data = frames(*frame)
	}
	err := evio.Serve(events, fmt.Sprintf("%s://127.0.0.1:%d", network, *port))
	log.Fatalf("serving ended: %v", err)
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
