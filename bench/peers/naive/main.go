// Command naive is a chat as tutorials have it: a goroutine per connection, everybody
// in a map under a lock, and what one says written to each of the others, line by line.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
)

// room is everyone in the chat, by connection, and what each is called.
type room struct {
	mu      sync.Mutex
	members map[net.Conn]string
	came    int
}

func (r *room) join(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came++
	r.members[c] = fmt.Sprintf("guest%d", r.came)
}

func (r *room) leave(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
}

// say writes a line to everybody else. Who does not read holds all up, as long as its
// kernel buffers are full; who is gone is found out by its own goroutine.
func (r *room) say(c net.Conn, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := []byte("[lobby] " + r.members[c] + ": " + text + "\r\n")
	for m := range r.members {
		if m != c {
			_, _ = m.Write(line)
		}
	}
}

func (r *room) serve(c net.Conn) {
	defer c.Close()
	r.join(c)
	defer r.leave(c)
	for in := bufio.NewScanner(c); in.Scan(); {
		r.say(c, strings.TrimSpace(in.Text()))
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("naive: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	_ = flag.Int("loops", 1, "taken for the sake of the others: there are no loops here")
	serve := flag.String("serve", "room", "room: there is nothing else")
	flag.Usage = func() {} // what is wrong is said in one line
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		refuse("unexpected argument: %s", flag.Arg(0))
	case *serve != "room":
		refuse("-serve %s: it serves room", *serve)
	}
	ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	r := room{members: map[net.Conn]string{}}
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go r.serve(c)
	}
}

// refuse ends the program for what is wrong with its command line.
func refuse(format string, v ...any) {
	log.Printf(format, v...)
	os.Exit(2)
}
