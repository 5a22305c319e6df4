//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// Variables for roles: the path of the socket file, and whether to serve with
// package reactor.
const (
	placeVariable   = "IOMUX_TEST_HANDOVER_PLACE"
	reactorVariable = "IOMUX_TEST_HANDOVER_REACTOR"
)

// generation is a role: a server that takes over from the one before, if there is
// one, and answers each byte of a client with its process number until its own
// successor has taken over or its standard input ends. Its connections end when
// the clients end them.
func generation() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var s numberServer = &onNet{}
	if os.Getenv(reactorVariable) != "" {
		s = &onReactor{}
	}
	if err := generate(ctx, s, os.Getenv(placeVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// numberServer is a server of that kind.
type numberServer interface {
	listen(dir string) error
	adopt(list []Socket) error
	addresses() string
	sockets() ([]Socket, error)
	leave()
	drain() error
}

func generate(ctx context.Context, s numberServer, path string) error {
	taken, err := Take(ctx, path)
	var server *Server
	switch {
	case err == nil:
		if err = s.adopt(taken.Sockets); err == nil {
			server, err = taken.Done(ctx)
		}
		err = errors.Join(err, taken.Close())
	case errors.Is(err, ErrNobody):
		if err = s.listen(filepath.Dir(path)); err == nil {
			server, err = Listen(path)
		}
	}
	if err != nil {
		return err
	}
	server.Logger = slog.New(slog.DiscardHandler)
	fmt.Println(s.addresses())
	if err = server.Serve(ctx, s.sockets, s.leave); errors.Is(err, context.Canceled) {
		s.leave()
		err = nil
	}
	return errors.Join(err, s.drain())
}

// onNet is one with package net, of a single TCP socket.
type onNet struct {
	ln        *net.TCPListener
	accepting sync.WaitGroup
	conns     sync.WaitGroup
}

func (s *onNet) listen(string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		s.serve(ln)
	}
	return err
}

func (s *onNet) adopt(list []Socket) error {
	ln, err := net.FileListener(list[0].Files[0])
	if err == nil {
		s.serve(ln)
	}
	return err
}

func (s *onNet) serve(ln net.Listener) {
	s.ln = ln.(*net.TCPListener)
	s.accepting.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // it is closed
			}
			s.conns.Go(func() { answer(c) })
		}
	})
}

func (s *onNet) addresses() string { return "tcp://" + s.ln.Addr().String() }

func (s *onNet) sockets() ([]Socket, error) { return handing("numbers", s.addresses(), s.ln)() }

func (s *onNet) leave() {
	s.ln.Close()
	s.accepting.Wait()
}

func (s *onNet) drain() error {
	s.conns.Wait()
	return nil
}

func answer(c net.Conn) {
	defer c.Close()
	var b [1]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
		if _, err := fmt.Fprintln(c, os.Getpid()); err != nil {
			return
		}
	}
}

// ask connects, asks twice and wants one process to answer both times.
func ask(url string) (pid int, err error) {
	network, address, _ := strings.Cut(url, "://")
	c, err := net.Dial(network, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	var first string
	for range 2 {
		if _, err := io.WriteString(c, "?"); err != nil {
			return 0, err
		}
		var b [20]byte
		n, err := c.Read(b[:])
		if err != nil {
			return 0, err
		}
		if first == "" {
			first = string(b[:n])
		}
		if got := string(b[:n]); got != first {
			return 0, fmt.Errorf("%q answers after %q", got, first)
		}
	}
	return strconv.Atoi(strings.TrimSpace(first))
}

// Processes take over from each other while clients connect all the time, and not
// one connection is refused, reset or left without an answer. In between, some
// successors die before they are done.
func TestGenerations(t *testing.T) {
	for _, kind := range []string{"net", "reactor"} {
		t.Run(kind, func(t *testing.T) {
			leaktest.Check(t)
			path := place(t)
			generations(t, path, func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, placeVariable+"="+path)
				if kind == "reactor" {
					cmd.Env = append(cmd.Env, reactorVariable+"=1")
				}
			})
		})
	}
}

func generations(t *testing.T, path string, prepare func(*exec.Cmd)) {
	const count, clients, askedAtLeast = 6, 4, 50
	current := run(t, "generation", prepare)
	addresses := current.line(t)
	urls := strings.Fields(addresses)
	defer func() { current.end(t) }()

	var stop atomic.Bool
	var counts sync.Map // of answers, by process
	var asking sync.WaitGroup
	defer asking.Wait()
	defer stop.Store(true)
	for i := range clients {
		asking.Go(func() {
			for !stop.Load() {
				pid, err := ask(urls[i%len(urls)])
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := counts.LoadOrStore(pid, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
		})
	}
	answered := func(p *process) int64 {
		n, ok := counts.Load(p.cmd.Process.Pid)
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
	for i := range count {
		for end := time.Now().Add(patience); answered(current) < askedAtLeast; time.Sleep(time.Millisecond) {
			if t.Failed() || time.Now().After(end) {
				t.Fatalf("generation %d has answered %d times", i, answered(current))
			}
		}
		quitter := run(t, "quitter", prepare)
		if got := quitter.line(t); got != addresses {
			t.Errorf("the quitter got %s, want %s", got, addresses)
		}
		_, _ = io.Copy(io.Discard, quitter.out)
		if err := quitter.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the quitter ended with %v", err)
		}
		quitter.stdin.Close()
		next := run(t, "generation", prepare)
		if got := next.line(t); got != addresses {
			t.Errorf("generation %d serves %s, want %s", i+1, got, addresses)
		}
		current.end(t)
		current = next
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// quitter is a role: a successor that dies before it is done.
func quitter() int {
	taken, err := Take(context.Background(), os.Getenv(placeVariable))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var urls []string
	for _, s := range taken.Sockets {
		urls = append(urls, s.URL)
	}
	fmt.Println(strings.Join(urls, " "))
	_ = unix.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// pauper is a role: a successor that may open too little.
func pauper() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = 16 // the runtime has some already
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	before := open()
	_, err := Take(context.Background(), os.Getenv(placeVariable))
	fmt.Printf("%d more, after %v\n", open()-before, err)
	return 0
}

// A successor that cannot have all descriptors says why, has none, and the
// predecessor goes on.
func TestTooFewDescriptors(t *testing.T) {
	leaktest.Check(t)
	path := place(t)
	ln := listenTCP(t)
	var files []filer
	for range 60 {
		files = append(files, ln)
	}
	p := precede(t, listenAt(t, path), path, handing("", "tcp://127.0.0.1:7000", files...))
	child := run(t, "pauper", func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, placeVariable+"="+path) })
	got := child.line(t)
	child.end(t)
	kept := !strings.HasPrefix(got, "0 more") && !strings.HasPrefix(got, "2 more") // the runtime's poller has two
	told := strings.Contains(got, "RLIMIT_NOFILE") || strings.Contains(got, unix.EMFILE.Error())
	if kept || !told {
		t.Errorf("it says %q", got)
	}
	p.stays(t)
	takeOver(t, p)
}
