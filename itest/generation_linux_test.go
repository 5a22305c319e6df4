package itest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"example.com/iomux/handover"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// restartTime is how long TestRestart keeps clients coming to one server.
var restartTime = flag.Duration("restart", 6*time.Second, "how long TestRestart has clients come to each of its servers")

// shortTime is what a generation that has left gives connections to end by
// themselves, before it drains those that would stay for ever.
const shortTime = 300 * time.Millisecond

// busyTime is how long the loops of a generation are busy when it is to leave.
const busyTime = 100 * time.Millisecond

// generation is a role: a server that takes over from its predecessor, or begins,
// and serves until its own successor has taken over. Its arguments are the path of
// the hand-over and the addresses.
func generation(args []string) int {
	group, err := reactor.Open(reactor.Options{Loops: 4})
	if err != nil {
		return complain(err)
	}
	var listeners []*reactor.Listener
	var server *handover.Server
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	taken, err := handover.Take(ctx, args[0])
	switch {
	case err == nil:
		for _, s := range taken.Sockets {
			ln, err := group.Adopt(s.Files, echo.Handler{}, reactor.ListenOptions{})
			if err != nil {
				return complain(err)
			}
			listeners = append(listeners, ln)
		}
		if server, err = taken.Done(ctx); err != nil {
			return complain(err)
		}
		if err := taken.Close(); err != nil {
			return complain(err)
		}
		fmt.Println("successor", len(listeners))
	case errors.Is(err, handover.ErrNobody):
		for _, url := range args[1:] {
			ln, err := group.Listen(url, echo.Handler{}, reactor.ListenOptions{})
			if err != nil {
				return complain(err)
			}
			listeners = append(listeners, ln)
			fmt.Println(ln.Addr())
		}
		if server, err = handover.Listen(args[0]); err != nil {
			return complain(err)
		}
		fmt.Println("first", len(listeners))
	default:
		return complain(err)
	}
	go func() {
		untilEnd()
		cancel()
	}()
	err = server.Serve(ctx, func() (list []handover.Socket, err error) {
		for _, ln := range listeners {
			files, err := ln.Files()
			if err != nil {
				return list, err
			}
			list = append(list, handover.Socket{URL: ln.URL(), Files: files})
		}
		return list, nil
	}, func() {
		// The loops are busy just now, and what clients come meanwhile waits in the
		// kernel's queues for the successor.
		for _, l := range group.Loops() {
			_ = l.Post(func() { time.Sleep(busyTime) }) // it is not over yet
		}
		for _, ln := range listeners {
			ln.Leave()
		}
	})
	switch {
	case err == nil:
		time.Sleep(shortTime)
	case !errors.Is(err, context.Canceled):
		return complain(err)
	}
	grace, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := group.Shutdown(grace); err != nil {
		return complain(err)
	}
	s := group.Stats()
	fmt.Println("drained", s.Opened == s.Closed && s.Opened > 0)
	return 0
}
