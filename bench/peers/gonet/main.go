// Command gonet is the standard library's echo server: a goroutine per
// connection, as every Go programmer would write it first.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
)

// bufSize is what the other servers read at once.
const bufSize = 64 << 10

func main() {
	log.SetFlags(0)
	log.SetPrefix("gonet: ")
	port := flag.Int("p", 0, "port on 127.0.0.1; 0 lets the kernel choose")
	frame := flag.Int("frame", 0, "answer every so many bytes with a write of their own; 0 answers what a read brought")
	flag.Int("loops", 1, "taken for the sake of the others: there are no loops here")
	flag.Parse()

	ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening tcp://%v\n", ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		if *frame > 0 {
			go frames(c, *frame)
		} else {
			go echo(c)
		}
	}
}

func echo(c net.Conn) {
	defer c.Close()
	buf := make([]byte, bufSize)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// frames answers request by request, as a protocol's handler does.
func frames(c net.Conn, size int) {
	defer c.Close()
	r := bufio.NewReaderSize(c, bufSize)
	request := make([]byte, size)
	for {
		if _, err := io.ReadFull(r, request); err != nil {
			return
		}
		if _, err := c.Write(request); err != nil {
			return
		}
	}
}
