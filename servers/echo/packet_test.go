//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// servePackets runs an echo server for datagrams until the test ends.
func servePackets(t *testing.T, b iomux.Backend, url string) *reactor.PacketListener {
	t.Helper()
	group, err := reactor.Open(reactor.Options{Backend: b, Loops: 1, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := group.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	listener, err := group.ListenPacket(url, echo.Packets{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// dialPackets connects to a server, from a port of the kernel's choice if local is
// nil.
func dialPackets(t *testing.T, to net.Addr, local *net.UDPAddr) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	switch to := to.(type) {
	case *net.UnixAddr:
		name := filepath.Join(t.TempDir(), "client") // or it could not be answered
		conn, err = net.DialUnix("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}, to)
	case *net.UDPAddr:
		conn, err = net.DialUDP("udp", local, to)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Each datagram comes back as it was, whatever its size.
func TestDatagramsInAreDatagramsOut(t *testing.T) {
	eachBackend(t, func(t *testing.T, b iomux.Backend) {
		leaktest.Check(t)
		for _, url := range []string{"udp://127.0.0.1:0", "unixgram://" + filepath.Join(t.TempDir(), "server")} {
			conn := dialPackets(t, servePackets(t, b, url).Addr(), nil)
			buf := make([]byte, 1<<16)
			for _, size := range []int{0, 1, 42, 1472, 1473, 9000, 65507} {
				want := make([]byte, size)
				_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(want) // never fails
				if _, err := conn.Write(want); err != nil {
					t.Fatalf("%s, %d bytes: %v", url, size, err)
				}
				n, err := conn.Read(buf)
				if err != nil || !bytes.Equal(buf[:n], want) {
					t.Fatalf("%s, %d bytes: %d came back, %v", url, size, n, err)
				}
			}
		}
	})
}

// CVE-2024-2169: one datagram that seems to come from another echo server starts
// an exchange without end. What seems to come from a server's port is therefore
// not answered.
func TestServersAreNotAnswered(t *testing.T) {
	eachBackend(t, func(t *testing.T, b iomux.Backend) {
		server := servePackets(t, b, "udp4://127.0.0.1:0").Addr().(*net.UDPAddr)
		for _, local := range []*net.UDPAddr{
			{IP: net.IPv4(127, 0, 0, 1), Port: freePrivileged(t)},
			{IP: net.IPv4(127, 0, 0, 2), Port: server.Port},
		} {
			if local.Port == 0 {
				t.Log("no port below 1024 can be had here: that part is left to TestWhoIsAnswered")
				continue
			}
			t.Run(fmt.Sprint("from ", local), func(t *testing.T) {
				liar, err := net.ListenUDP("udp4", local)
				if err != nil {
					t.Skip("this system has one address for itself: ", err)
				}
				defer liar.Close()
				if _, err := liar.WriteToUDP([]byte("hello?"), server); err != nil {
					t.Fatal(err)
				}
				// Whoever is served afterwards shows that the datagram was seen, and an
				// answer would be there by then.
				honest := dialPackets(t, server, nil)
				if _, err := honest.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := honest.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				if err := liar.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if n, _, err := liar.ReadFromUDP(make([]byte, 16)); err == nil {
					t.Errorf("it got an answer of %d bytes", n)
				}
			})
		}
	})
}

// freePrivileged is a free port below 1024, 0 if none can be had.
func freePrivileged(t *testing.T) int {
	t.Helper()
	for port := 1023; port > 900; port-- {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			conn.Close()
			return port
		}
		if errors.Is(err, fs.ErrPermission) {
			return 0
		}
	}
	return 0
}
