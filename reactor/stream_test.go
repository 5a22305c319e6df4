//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// answerLines is the handler in blocking style under most tests: it answers each line.
func answerLines(s *Stream) error {
	in := bufio.NewReader(s)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s, "[%s]\n", strings.TrimSpace(line)); err != nil {
			return err
		}
	}
}

func TestBlockingReadsAndWrites(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, Blocking(answerLines))
		a, b := dial(t, ln), dial(t, ln)
		for i := range 3 {
			for _, c := range []net.Conn{a, b} { // each waits while the other is served
				_, _ = io.WriteString(c, "hel")
				settle(t, g)
				_, _ = fmt.Fprintf(c, "lo %d\nnext", i)
				expect(t, c, fmt.Sprintf("[hello %d]\n", i))
				_, _ = io.WriteString(c, "\n")
				expect(t, c, "[next]\n")
			}
		}
		_, _ = io.WriteString(a, "last")
		_ = a.CloseWrite()
		expectEnd(t, a) // no newline, no answer
	})
}

// settle waits until each loop has handled what had arrived.
func settle(t *testing.T, g *Group) {
	t.Helper()
	for _, l := range g.loops {
		onLoop(t, l, func() {})
	}
}

// What is larger than every buffer goes both ways unharmed, also when each side first
// writes all and the peer is slow to read.
func TestBlockingWithLittleRoom(t *testing.T) {
	const size = 4 << 20
	everywhere(t, func(t *testing.T, o Options) {
		o.HighWater, o.LowWater, o.WriteLimit = 32<<10, 8<<10, 32<<10
		sum := make(chan [32]byte, 1)
		_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			h := sha256.New()
			if _, err := io.CopyN(h, s, size); err != nil {
				return err
			}
			sum <- [32]byte(h.Sum(nil))
			p := bytes.Repeat([]byte("0123456789abcdef"), size/16)
			n, err := s.Write(p)
			if n != size {
				t.Errorf("wrote %d of %d: %v", n, size, err)
			}
			return err
		}))
		c := dial(t, ln)
		p := bytes.Repeat([]byte("fedcba9876543210"), size/16)
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		if receive(t, sum) != sha256.Sum256(p) {
			t.Error("what arrived is not what was sent")
		}
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("0123456789abcdef"), size/16)) {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
	})
}

// What arrives while a coroutine waits for something else is there when it reads.
func TestBlockingReadsWhatCameMeanwhile(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		goOn := make(chan struct{})
		slept := make(chan struct{})
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			var one [1]byte
			if _, err := io.ReadFull(s, one[:]); err != nil {
				return err
			}
			close(slept)
			if err := s.Await(func() error { <-goOn; return nil }); err != nil {
				return err
			}
			if _, err := s.Write(one[:]); err != nil {
				return err
			}
			p := make([]byte, 7) // not a divisor of what is sent
			for {
				n, err := s.Read(p)
				if err != nil {
					return err
				}
				if err := s.Sleep(time.Microsecond); err != nil {
					return err
				}
				if _, err := s.Write(p[:n]); err != nil {
					return err
				}
			}
		}))
		c := dial(t, ln)
		_, _ = io.WriteString(c, "x")
		receive(t, slept)
		text := strings.Repeat("all of this came while it slept; ", 40)
		_, _ = io.WriteString(c, text)
		settle(t, g)
		_ = c.CloseWrite()
		close(goOn)
		expect(t, c, "x"+text)
		expectEnd(t, c)
	})
}

func TestBlockingWithStandardPackages(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			in, out := gob.NewDecoder(s), gob.NewEncoder(s)
			for {
				var m map[string]int
				if err := in.Decode(&m); err != nil {
					return err
				}
				m["len"] = len(m)
				if err := out.Encode(m); err != nil {
					return err
				}
			}
		}))
		c := dial(t, ln)
		in, out := gob.NewDecoder(c), gob.NewEncoder(c)
		for n := 1; n < 5; n++ {
			m := map[string]int{}
			for i := range n {
				m[fmt.Sprint(i)] = i
			}
			if err := out.Encode(m); err != nil {
				t.Fatal(err)
			}
			var got map[string]int
			if err := in.Decode(&got); err != nil || got["len"] != n {
				t.Fatalf("got %v, %v", got, err)
			}
		}
	})
}

func TestBlockingDeadlines(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock = clock.read
		events := make(chan error, 10)
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			var p [10]byte
			_ = s.SetReadDeadline(clock.read().Add(time.Second))
			_, err := s.Read(p[:])
			events <- err
			_, err = s.Read(p[:]) // it stays over
			events <- err
			_ = s.SetDeadline(time.Time{})
			n, err := s.Read(p[:])
			if string(p[:n]) != "late" {
				t.Errorf("read %q", p[:n])
			}
			events <- err
			_ = s.SetDeadline(clock.read().Add(-time.Second))
			_, err = s.Write(p[:])
			events <- err
			_, err = s.Read(p[:])
			return err
		}))
		c := dial(t, ln)
		pass := func(d time.Duration) { clock.pass(t, g.loops[0], d) }
		await(t, g, func() bool { return len(g.loops[0].coroutines) == 1 })
		pass(time.Second - 1)
		settle(t, g)
		select {
		case err := <-events:
			t.Fatalf("early: %v", err)
		default:
		}
		pass(1)
		for range 2 {
			if err := receive(t, events); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		_, _ = io.WriteString(c, "late")
		if err := receive(t, events); err != nil {
			t.Error(err)
		}
		if err := receive(t, events); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		expectEnd(t, c)
	})
}

// await turns a group's loops until something has happened on them.
func await(t *testing.T, g *Group, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		done := make(chan bool, 1)
		if err := g.loops[0].Post(func() { done <- happened() }); err != nil {
			t.Fatal(err)
		}
		if receive(t, done) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
		runtime.Gosched()
	}
}

// The end of a connection wakes its coroutine, wherever that waits, and its deferred
// functions run.
func TestBlockingIsWokenByTheEnd(t *testing.T) {
	for name, wait := range map[string]func(*Stream) error{
		"read":  func(s *Stream) error { _, err := s.Read(make([]byte, 10)); return err },
		"sleep": func(s *Stream) error { return s.Sleep(time.Hour) },
		"write": func(s *Stream) error { _, err := s.Write(make([]byte, 64<<20)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				ends := make(chan error, 1)
				var left atomic.Int32
				g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
					defer left.Add(1)
					err := wait(s)
					if _, again := s.Read(make([]byte, 1)); again == nil {
						t.Error("a Read after the end reads")
					}
					if again := s.Sleep(time.Hour); again == nil {
						t.Error("a Sleep after the end sleeps")
					}
					ends <- err
					return err
				}))
				dial(t, ln)
				await(t, g, func() bool { return len(g.loops[0].conns) == 1 })
				onLoop(t, g.loops[0], func() { g.loops[0].conns[0].Abort() })
				if err := receive(t, ends); !errors.Is(err, net.ErrClosed) {
					t.Errorf("it ended with %v", err)
				}
				await(t, g, func() bool { return len(g.loops[0].coroutines) == 0 && left.Load() == 1 })
			})
		})
	}
}

// A panic, or the end of its goroutine, ends a connection and not its loop.
func TestBlockingSurvives(t *testing.T) {
	for name, fall := range map[string]func(){
		"panic":   func() { panic("of a handler") },
		"Goexit":  runtime.Goexit,
		"nil map": func() { var m map[int]int; m[1] = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				for _, when := range []string{"at once", "after a read", "after a sleep", "on a worker"} {
					g, ln, log := serve(t, o, Blocking(func(s *Stream) error {
						var one [1]byte
						switch when {
						case "at once":
							fall()
						case "after a read":
							_, _ = s.Read(one[:])
							fall()
						case "after a sleep":
							_ = s.Sleep(1)
							fall()
						default:
							_ = s.Await(func() error { fall(); return nil })
						}
						t.Error("it goes on")
						return nil
					}))
					for range 3 {
						c := dial(t, ln)
						_, _ = io.WriteString(c, "x")
						expectEnd(t, c)
					}
					await(t, g, func() bool { return len(g.loops[0].coroutines) == 0 && len(g.loops[0].conns) == 0 })
					if n := log.count(`msg="handler panicked"`); n != 3 || log.count("stream_test.go") < 3 {
						t.Errorf("%s: %d panics in the log, %d times this file in their stacks", when, n, log.count("stream_test.go"))
					}
				}
			})
		})
	}
}

// A handler that locks its thread, which would end the process, does not even notice.
func TestBlockingMayLockItsThread(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, locks := range []int{1, threadLocks} {
			_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
				for range locks {
					runtime.LockOSThread()
				}
				return answerLines(s)
			}))
			a, b := dial(t, ln), dial(t, ln)
			for range 3 {
				for _, c := range []net.Conn{a, b} {
					_, _ = io.WriteString(c, "line\n")
					expect(t, c, "[line]\n")
				}
			}
		}
	})
}

// On loops that are bound to threads, coroutines work as well.
func TestBlockingOnPinnedLoops(t *testing.T) {
	for _, fall := range []bool{false, true} {
		_, ln, _ := serve(t, Options{Pin: true, Loops: 2}, Blocking(func(s *Stream) error {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			err := answerLines(s)
			if fall {
				runtime.Goexit()
			}
			return err
		}))
		for range 4 {
			c := dial(t, ln)
			for range 3 {
				_, _ = io.WriteString(c, "line\n")
				expect(t, c, "[line]\n")
			}
			_ = c.CloseWrite()
			expectEnd(t, c)
		}
	}
}

// A method that has to wait is refused outside of its coroutine.
func TestStreamIsForItsCoroutine(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		strays := make(chan *Stream)
		goOn := make(chan struct{})
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			return s.Await(func() error { strays <- s; <-goOn; return nil })
		}))
		dial(t, ln)
		s := receive(t, strays)
		onLoop(t, s.Loop(), func() { // which thus stands still: else it were a data race besides
			stray := make(chan struct{})
			go func() {
				defer close(stray)
				if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrCoroutine) {
					t.Errorf("Read: %v", err)
				}
				if err := s.Sleep(time.Hour); !errors.Is(err, ErrCoroutine) {
					t.Errorf("Sleep: %v", err)
				}
				if err := s.Await(func() error { return nil }); !errors.Is(err, ErrCoroutine) {
					t.Errorf("Await: %v", err)
				}
			}()
			<-stray
		})
		close(goOn)
		await(t, g, func() bool { return len(g.loops[0].coroutines) == 0 })
	})
}

// Shutdown lets a coroutine that is at work finish, sends what it writes, and ends
// those that wait for input.
func TestBlockingDrains(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		goOn := make(chan struct{})
		started := make(chan struct{})
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			var one [1]byte
			if _, err := s.Read(one[:]); err != nil {
				return err
			}
			started <- struct{}{}
			if err := s.Await(func() error { <-goOn; return nil }); err != nil {
				return err
			}
			if err := s.Sleep(time.Millisecond); err != nil {
				return err
			}
			_, err := io.WriteString(s, "done")
			return err
		}))
		idle, busy := dial(t, ln), dial(t, ln)
		_, _ = io.WriteString(busy, "x")
		receive(t, started)
		await(t, g, func() bool { return len(g.loops[0].conns) == 2 })
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		expectEnd(t, idle)
		close(goOn)
		expect(t, busy, "done")
		expectEnd(t, busy)
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

func TestBlockingOnInput(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, BlockingOnInput(func(s *Stream) error {
			var line []byte
			for {
				var one [1]byte
				if _, err := s.Read(one[:]); err != nil {
					return err
				}
				if line = append(line, one[0]); one[0] == '\n' {
					break
				}
			}
			if string(line) == "sleep\n" {
				if err := s.Sleep(time.Millisecond); err != nil {
					return err
				}
			}
			_, err := s.Write(line)
			if string(line) == "quit\n" {
				return io.EOF
			}
			return err
		}))
		none := func() bool { return len(g.loops[0].coroutines) == 0 && len(g.loops[0].conns) == 1 }
		c := dial(t, ln)
		await(t, g, none)
		for _, text := range []string{"one\n", "two\nthree\n", "sleep\nfour\nfive\n", "sleep\nsleep\nsix\n"} {
			roundTrip(t, c, text)
			await(t, g, none)
		}
		_, _ = io.WriteString(c, "ha")
		await(t, g, func() bool { return len(g.loops[0].coroutines) == 1 })
		_, _ = io.WriteString(c, "lf\n")
		expect(t, c, "half\n")
		await(t, g, none)
		_, _ = io.WriteString(c, "quit\nnot this\n")
		expect(t, c, "quit\n")
		expectEnd(t, c)

		c = dial(t, ln)
		_, _ = io.WriteString(c, "x\ny\n")
		_ = c.CloseWrite()
		expect(t, c, "x\ny\n")
		expectEnd(t, c)
	})
}

// A burst of coroutines leaves no more strands than a loop keeps.
func TestIdleStrandsAreBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		for range 2 {
			before := runtime.NumGoroutine()
			for range 5 * keptStrands {
				if err := l.Go(func(co *Coroutine) { _ = co.Sleep(time.Millisecond) }); err != nil {
					t.Fatal(err)
				}
			}
			await(t, g, func() bool { return len(l.coroutines) == 0 })
			await(t, g, func() bool { return runtime.NumGoroutine() <= before+keptStrands && len(l.strands) <= keptStrands })
		}
	})
}

func TestLoopGo(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, log := serve(t, o, NopHandler{})
		l := g.loops[0]
		order := make(chan string, 10)
		if err := l.Go(func(co *Coroutine) {
			order <- "a"
			if err := co.Sleep(2 * time.Millisecond); err != nil {
				t.Error(err)
			}
			order <- "d"
			_ = co.Await(func() error { order <- "e"; return nil })
			order <- "f"
			panic("at the end")
		}); err != nil {
			t.Fatal(err)
		}
		if err := l.Go(func(co *Coroutine) {
			order <- "b"
			if err := co.Loop().Go(func(*Coroutine) { order <- "c" }); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for range 6 {
			got += receive(t, order)
		}
		if got != "abcdef" {
			t.Errorf("order %s", got)
		}
		await(t, g, func() bool { return len(l.coroutines) == 0 })
		if log.count("at the end") == 0 {
			t.Error("the panic is not in the log")
		}
	})
}

// No more functions of Await run at a time than the group may have workers.
func TestWorkersAreBounded(t *testing.T) {
	const limit, jobs = 3, 40
	everywhere(t, func(t *testing.T, o Options) {
		o.Workers = limit
		g, _, _ := serve(t, o, NopHandler{})
		var running, most, done atomic.Int32
		for range jobs {
			if err := g.loops[0].Go(func(co *Coroutine) {
				_ = co.Await(func() error {
					n := running.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					runtime.Gosched()
					running.Add(-1)
					done.Add(1)
					return nil
				})
			}); err != nil {
				t.Fatal(err)
			}
		}
		await(t, g, func() bool { return len(g.loops[0].coroutines) == 0 })
		if done.Load() != jobs || most.Load() > limit {
			t.Errorf("%d jobs done, %d at a time", done.Load(), most.Load())
		}
	})
}

// A loop that ends by force does not wait for coroutines.
func TestForceEndsSleep(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		ends := make(chan error, 1)
		started := make(chan struct{})
		if err := g.loops[0].Go(func(co *Coroutine) {
			close(started)
			ends <- co.Sleep(time.Hour)
		}); err != nil {
			t.Fatal(err)
		}
		receive(t, started)
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = g.Shutdown(now)
		if err := receive(t, ends); !errors.Is(err, ErrForced) {
			t.Errorf("Sleep: %v", err)
		}
	})
}

// One that waits for work when its loop ends by force goes on when the work is done, and
// nothing of it is left.
func TestForceOutlived(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const conns = 20
		goOn, started, ended := make(chan struct{}), make(chan struct{}, conns), make(chan error, conns)
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			err := s.Await(func() error { started <- struct{}{}; <-goOn; return nil })
			_, rerr := s.Read(make([]byte, 1))
			again := s.Await(func() error { return nil })
			defer func() { ended <- errors.Join(err, again, rerr) }()
			if len(ended)%2 == 0 {
				runtime.Goexit()
			}
			panic("on purpose")
		}))
		for range conns {
			dial(t, ln)
			receive(t, started)
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Shutdown(now); !errors.Is(err, ErrForced) {
			t.Errorf("Shutdown: %v", err)
		}
		close(goOn)
		for range conns {
			if err := receive(t, ended); !errors.Is(err, ErrForced) {
				t.Errorf("got %v, want that Read fails with ErrForced", err)
			}
		}
	})
}

// What it costs to go to a coroutine and come back.
func BenchmarkResume(b *testing.B) {
	g, err := Open(Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := g.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	l := g.loops[0]
	done := make(chan struct{})
	_ = l.Post(func() {
		defer close(done)
		co := &Coroutine{}
		l.begin(co, nil, func(co *Coroutine) {
			for range b.N + 1 {
				_ = co.wait(forNothing, 0)
			}
		})
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			co.resume()
		}
		b.StopTimer()
		co.resume()
	})
	<-done
}
