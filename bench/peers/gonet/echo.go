package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
)

func echo(c net.Conn, bufSize int) {
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
func frames(c net.Conn, size, bufSize int) {
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

// serveUDP answers every datagram. The methods with netip addresses are the ones
// that allocate nothing.
func serveUDP(at string) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening udp://%v\n", c.LocalAddr())
	// As the C server: a burst must find room. The kernel cuts it at its limit.
	if err := c.SetReadBuffer(4 << 20); err != nil {
		log.Fatal(err)
	}
	buf := make([]byte, lineSize)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			log.Fatal(err)
		}
		// Like the network, the server may lose a datagram.
		_, _ = c.WriteToUDPAddrPort(buf[:n], from)
	}
}
