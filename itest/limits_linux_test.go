package itest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// limit is how many descriptors the server may have in these tests, and clients
// how many want one.
const (
	limit   = 64
	clients = 200
)

// A server without descriptors to spare refuses who is too many, goes on
// serving the others, does not spin, and takes new clients when old ones leave.
func TestDescriptorsExhausted(t *testing.T) {
	ofPrograms(t)
	prlimit := tool(t, "prlimit")
	eachBackend(t, func(t *testing.T, backend string) {
		for _, loops := range []string{"1", "2"} {
			t.Run(loops+" loops", func(t *testing.T) {
				t.Parallel()
				s := serveUnder(t, []string{prlimit, fmt.Sprintf("--nofile=%d:%d", limit, limit)}, "--backend", backend, "--loops", loops)
				held := s.exhaust()
				t.Logf("%d of %d clients are served", len(held), clients)

				stop := s.storm()
				defer stop()
				const span = 3 * time.Second
				if err := held[0].SetDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				before, slowest := cpuTime(t, s.pid), time.Duration(0)
				for begin := time.Now(); time.Since(begin) < span; time.Sleep(250 * time.Millisecond) {
					// The pause sets how much is asked of the server. To wake from a
					// blocking wait costs milliseconds of Go's monitor.
					sent := time.Now()
					if err := exchange(held[0], message); err != nil {
						t.Fatalf("a client that was there: %v", err)
					}
					slowest = max(slowest, time.Since(sent))
				}
				used := cpuTime(t, s.pid) - before
				t.Logf("%.1f %% of a processor, slowest answer %v, %d refused meanwhile", 100*used.Seconds()/span.Seconds(), slowest, stop())
				if used > span/20 {
					t.Errorf("the server used %v of processor time in %v", used, span)
				}

				for _, conn := range held[1:21] {
					conn.Close()
				}
				begin := time.Now()
				for conn := (*net.TCPConn)(nil); conn == nil; conn = s.tryDial() {
					if time.Since(begin) > 10*time.Second {
						t.Fatal("20 clients have left, and in ten seconds nobody was let in")
					}
				}
				t.Logf("a new client was served %v after 20 had left", time.Since(begin))
				for s.tryDial() != nil { // full again
				}
				s.end()
			})
		}
	})
}

// exhaust connects all the clients at once and returns those that are served.
// The others must be told that they are not.
func (s *server) exhaust() (held []*net.TCPConn) {
	s.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	silent := 0
	for range clients {
		wg.Go(func() {
			conn, err := dial(s.address, nil)
			if err != nil {
				s.t.Errorf("the kernel takes connections for a server that does not: %v", err)
				return
			}
			s.t.Cleanup(func() { conn.Close() })
			err = exchange(conn, message)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				held = append(held, conn)
			case errors.Is(err, os.ErrDeadlineExceeded):
				silent++
			case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE):
				s.t.Error(err)
			}
		})
	}
	wg.Wait()
	if silent > 0 {
		s.t.Errorf("%d clients were neither served nor refused in %v", silent, patience)
	}
	if len(held) < limit/2 || len(held) >= limit {
		s.t.Fatalf("with %d descriptors %d clients are served", limit, len(held))
	}
	return held
}

// tryDial connects and returns the connection if the server serves it at once.
func (s *server) tryDial() *net.TCPConn {
	conn, err := dial(s.address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if exchange(conn, message) != nil {
		conn.Close()
		return nil
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// storm has a crowd of clients connect again and again until stop is called,
// which returns how often one was refused.
func (s *server) storm() (stop func() int64) {
	over := make(chan struct{})
	var refused atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for {
				conn, err := dial(s.address, nil)
				if err != nil {
					s.t.Error(err)
					return
				}
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
						refused.Add(1)
					}
				}()
				select {
				case <-gone:
				case <-over:
				}
				conn.Close()
				<-gone
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	return sync.OnceValue(func() int64 {
		close(over)
		wg.Wait()
		return refused.Load()
	})
}

// cpuTime is what a process has used, from /proc/PID/stat, which counts in
// hundredths of a second.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold blanks
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// While it cannot accept, each loop of the server asks the kernel no more than
// twenty times a second, whatever the crowd at the door does.
func TestAcceptRateWhenExhausted(t *testing.T) {
	prlimit := tool(t, "prlimit")
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			t.Parallel()
			trace := straced(t, "accept4")
			wrapper := append(trace.command, prlimit, fmt.Sprintf("--nofile=%d:%d", limit, limit))
			s := serveUnder(t, wrapper, "--loops", fmt.Sprint(loops))
			s.exhaust()
			stop := s.storm()
			defer stop()
			const span = 3 * time.Second
			begin := time.Now()
			time.Sleep(span) // what is counted is calls in a time
			end := time.Now()
			stop()
			s.end()
			calls := 0
			for _, c := range trace.calls() {
				if c.name == "accept4" && c.at.After(begin) && c.at.Before(end) {
					calls++
				}
			}
			rate := float64(calls) / span.Seconds()
			t.Logf("%.0f calls of accept4 a second", rate)
			if rate > float64(20*loops) {
				t.Errorf("%d loops call accept4 %.0f times a second", loops, rate)
			}
		})
	}
}
