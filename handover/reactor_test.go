//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"example.com/iomux/reactor"
)

// onReactor is a server of numbers with package reactor: on TCP, a socket a loop
// where the kernel spreads connections, and on a Unix socket.
type onReactor struct {
	group     *reactor.Group
	listeners []*reactor.Listener
	conns     sync.WaitGroup
}

func (s *onReactor) Opened(*reactor.Conn) { s.conns.Add(1) }

func (s *onReactor) Data(c *reactor.Conn, p []byte) int {
	for range p {
		fmt.Fprintln(c, os.Getpid())
	}
	return len(p)
}

func (s *onReactor) Closed(*reactor.Conn, error) { s.conns.Done() }

func (s *onReactor) open() (err error) {
	s.group, err = reactor.Open(reactor.Options{Loops: 3, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	return err
}

func (s *onReactor) add(ln *reactor.Listener, err error) error {
	if err == nil {
		s.listeners = append(s.listeners, ln)
	}
	return err
}

func (s *onReactor) listen(dir string) error {
	err := s.open()
	for _, url := range []string{"tcp://127.0.0.1:0", "unix://" + dir + "/n.sock"} {
		if err == nil {
			err = s.add(s.group.Listen(url, s, reactor.ListenOptions{}))
		}
	}
	return err
}

func (s *onReactor) adopt(list []Socket) error {
	err := s.open()
	for _, socket := range list {
		if err == nil {
			err = s.add(s.group.Adopt(socket.Files, s, reactor.ListenOptions{}))
		}
	}
	return err
}

func (s *onReactor) addresses() string {
	var urls []string
	for _, ln := range s.listeners {
		urls = append(urls, ln.URL())
	}
	return strings.Join(urls, " ")
}

func (s *onReactor) sockets() (list []Socket, err error) {
	for _, ln := range s.listeners {
		files, err := ln.Files()
		list = append(list, Socket{URL: ln.URL(), Files: files})
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

func (s *onReactor) leave() {
	for _, ln := range s.listeners {
		ln.Leave()
	}
}

// drain waits for the clients to go: Shutdown alone would end connections that
// have nothing to do at the moment.
func (s *onReactor) drain() error {
	for _, l := range s.group.Loops() {
		through := make(chan struct{})
		if err := l.Post(func() { close(through) }); err != nil {
			return err
		}
		<-through // it has left, and accepts no more
	}
	s.conns.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.group.Shutdown(ctx)
}
