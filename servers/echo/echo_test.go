//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"example.com/iomux"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// patience bounds every wait of a test that would otherwise hang.
const patience = 30 * time.Second

// serve runs an echo server on a backend until the test ends, and returns its
// address.
func serve(t *testing.T, o reactor.Options) string {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	group, err := reactor.Open(o)
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
	listener, err := group.Listen("tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func eachBackend(t *testing.T, f func(t *testing.T, b iomux.Backend)) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) { f(t, b) })
	}
}

// What goes in comes out, whatever the sizes it is cut into, and the end of file
// comes behind the last byte.
func TestBytesInAreBytesOut(t *testing.T) {
	eachBackend(t, func(t *testing.T, b iomux.Backend) {
		address := serve(t, reactor.Options{Backend: b})
		for _, size := range []int{0, 1, 42, 16 << 10, 64<<10 + 1, 3 << 20} {
			want := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(want) // never fails
			conn := dial(t, address)
			sent := make(chan error, 1)
			go func() { sent <- send(conn, want) }()
			got, err := io.ReadAll(conn)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if err := <-sent; err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes: got %d other ones back", size, len(got))
			}
		}
	})
}

// send writes p in pieces of random sizes and then its end of file.
func send(conn *net.TCPConn, p []byte) error {
	for len(p) > 0 {
		n := min(1+rand.IntN(100_000), len(p))
		if _, err := conn.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return conn.CloseWrite()
}

// Each connection gets its own bytes, one message at a time.
func TestManyDialogues(t *testing.T) {
	const dialogues, messages = 50, 20
	eachBackend(t, func(t *testing.T, b iomux.Backend) {
		address := serve(t, reactor.Options{Backend: b})
		var wg sync.WaitGroup
		for i := range dialogues {
			conn := dial(t, address)
			wg.Go(func() {
				for m := range messages {
					want := bytes.Repeat([]byte{byte(i), byte(m)}, 1+i*m)
					got := make([]byte, len(want))
					if _, err := conn.Write(want); err != nil {
						t.Error(err)
						return
					}
					if _, err := io.ReadFull(conn, got); err != nil {
						t.Error(err)
						return
					}
					if !bytes.Equal(got, want) {
						t.Errorf("dialogue %d got %q, want %q", i, got, want)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// A client that sends and does not read is held up, not thrown out: it gets
// everything when it reads at last.
func TestReaderThatComesLate(t *testing.T) {
	eachBackend(t, func(t *testing.T, b iomux.Backend) {
		address := serve(t, reactor.Options{Backend: b})
		conn := dial(t, address)
		if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		sent, piece := 0, bytes.Repeat([]byte("late "), 20_000)
		for sent < 64<<20 {
			n, err := conn.Write(piece)
			sent += n
			if err != nil {
				break // the deadline: nothing moves any more
			}
		}
		if sent == 64<<20 {
			t.Fatal("the server took 64 MiB that nobody read back")
		}
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.Copy(io.Discard, conn)
		if err != nil || got != int64(sent) {
			t.Errorf("sent %d bytes and got %d back, %v", sent, got, err)
		}
	})
}
