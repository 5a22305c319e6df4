package itest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// A server that shuts down ends every conversation in order: a client whose next
// message crosses the end finds the end, not a reset, however the two meet.
func TestDrainResetsNobody(t *testing.T) {
	const rounds, clients = 15, 60
	leaktest.Check(t)
	for range rounds {
		group, err := reactor.Open(reactor.Options{Loops: 2, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(publicDir(t), "s")
		listen(t, group, "unix://"+path, echo.Handler{}, reactor.ListenOptions{})
		tcp := listen(t, group, "tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
		var all, there sync.WaitGroup
		for i := range clients {
			there.Add(1)
			all.Go(func() {
				network, address := "unix", path
				if i%2 == 0 {
					network, address = "tcp", tcp.Addr().String()
				}
				first := sync.OnceFunc(there.Done)
				defer first()
				if err := converse(network, address, first); err != nil {
					t.Errorf("%s: %v", network, err)
				}
			})
		}
		there.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := group.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		all.Wait()
	}
}

// converse talks until the server ends it in order, and calls first when it has had
// its first answer.
func converse(network, address string, first func()) error {
	conn, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		switch err := exchange(conn, message); {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE) && ended(conn):
			return nil
		case err != nil:
			return err
		}
		first()
		time.Sleep(time.Duration(rand.Int64N(int64(2 * time.Millisecond)))) // it thinks
	}
}
