package itest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// visits is what became of the clients of a restart.
type visits struct {
	served, hungUp atomic.Int64 // short connections, and those that got an end instead of an answer
	talked, moved  atomic.Int64 // messages of long ones, and how often one had to connect anew
	unanswered     atomic.Int64 // messages of long ones that were under way when the server hung up
}

// short is one connection that says a word, gets it back, and ends in order.
func (v *visits) short(network, address string, i int) error {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	switch err := exchange(conn, fmt.Sprintf("visit %d of %s", i, network)); {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE) && ended(conn):
		return errHungUp
	case err != nil:
		return err
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("after the end of file %q, %w", rest, err)
	}
	return nil
}

// ended reports whether the server has closed a connection in order. Over a Unix
// socket a write behind the end fails, while the end is still there to be read.
func ended(conn net.Conn) bool {
	n, err := conn.Read(make([]byte, 1))
	return n == 0 && errors.Is(err, io.EOF)
}

// long talks until over is closed. When the server hangs up in order, it connects
// again, to the next generation. Anything else is an error.
func (v *visits) long(network, address string, over <-chan struct{}) error {
	for {
		conn, err := net.DialTimeout(network, address, patience)
		if err != nil {
			return err
		}
		err = v.talk(conn, over)
		conn.Close()
		if !errors.Is(err, errHungUp) {
			return err
		}
		v.moved.Add(1)
	}
}

var errHungUp = errors.New("the server has hung up")

// talk is one connection of long.
func (v *visits) talk(conn net.Conn, over <-chan struct{}) error {
	if err := conn.SetDeadline(time.Now().Add(*restartTime + patience)); err != nil {
		return err
	}
	for {
		select {
		case <-over:
			return nil
		case <-time.After(10 * time.Millisecond): // it thinks
		}
		switch err := exchange(conn, message); {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE) && ended(conn):
			v.unanswered.Add(1)
			return errHungUp
		case err != nil:
			return err
		}
		v.talked.Add(1)
	}
}

// lineage is a way to run a server whose generations follow each other.
type lineage struct {
	name  string
	first func(dir string) (p *process, tcp string) // serves at TCP and at dir/s
	next  func(dir string) *process                 // returns when it serves, too
	left  string                                    // what a generation says when it ends
	end   func(p *process) error
	// patient: a generation that has left first lets visitors have their answers. A
	// server that drains at once hangs up on who has just connected and said nothing.
	patient bool
}

// lineages are a server on the reactor and the handover package, and the program.
func lineages(t *testing.T) []lineage {
	role := func(dir string) *process {
		return startRole(t, nil, "generation", filepath.Join(dir, "handover"), "tcp://127.0.0.1:0", "unix://"+filepath.Join(dir, "s"))
	}
	echo := func(dir string, args ...string) *process {
		return launch(t, nil, nil, append([]string{program, "echo", "--takeover", filepath.Join(dir, "handover")}, args...)...)
	}
	return []lineage{
		{
			name: "reactor",
			first: func(dir string) (*process, string) {
				p := role(dir)
				tcp := p.line()
				p.line()
				p.expect("first 2")
				return p, tcp
			},
			next: func(dir string) *process {
				p := role(dir)
				p.expect("successor 2")
				return p
			},
			left:    "drained true",
			end:     func(p *process) error { return p.stdin.Close() },
			patient: true,
		},
		{
			name: "program",
			first: func(dir string) (*process, string) {
				p := echo(dir, "--listen", "tcp://127.0.0.1:0", "--listen", "unix://"+filepath.Join(dir, "s"))
				tcp := strings.TrimPrefix(p.line(), "listening tcp://")
				p.expect("listening unix://" + filepath.Join(dir, "s"))
				return p, tcp
			},
			next: func(dir string) *process {
				p := echo(dir) // wherever the other one serves
				p.line()
				p.line()
				return p
			},
			end: func(p *process) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
		},
	}
}

// over wants a generation to end in order.
func (l *lineage) over(p *process) {
	p.t.Helper()
	if l.left != "" {
		p.expect(l.left)
	}
	if status := p.wait(); status != 0 {
		p.t.Errorf("a generation exits with %d: %s", status, p.log.String())
	}
}

// N7, Envoy issues 15818 and 3804: the server is replaced five times while 200
// clients a second come, over TCP and a Unix socket. None of them is refused or
// reset; those that stay are hung up on in order, and every generation ends by
// itself.
func TestRestart(t *testing.T) {
	ofPrograms(t)
	t.Parallel() // it mostly waits
	for _, l := range lineages(t) {
		t.Run(l.name, func(t *testing.T) { restart(t, l) })
	}
}

func restart(t *testing.T, l lineage) {
	const restarts, rate, stayers = 5, 200, 10
	dir := publicDir(t)
	server, tcp := l.first(dir)
	addresses := [][2]string{{"tcp", tcp}, {"unix", filepath.Join(dir, "s")}}
	var v visits
	var all sync.WaitGroup
	over := make(chan struct{})
	for i := range stayers {
		all.Go(func() {
			a := addresses[i%2]
			if err := v.long(a[0], a[1], over); err != nil {
				t.Errorf("a client that stays, over %s: %v", a[0], err)
			}
		})
	}
	all.Go(func() {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			all.Go(func() {
				a := addresses[i%2]
				switch err := v.short(a[0], a[1], i); {
				case err == nil:
					v.served.Add(1)
				case errors.Is(err, errHungUp) && !l.patient:
					v.hungUp.Add(1)
				default:
					t.Errorf("visit %d over %s: %v", i, a[0], err)
				}
			})
		}
	})
	stop := sync.OnceFunc(func() { close(over); all.Wait() })
	defer stop()
	for range restarts {
		time.Sleep(*restartTime / (restarts + 1)) // clients come meanwhile
		next := l.next(dir)
		l.over(server)
		server = next
	}
	time.Sleep(*restartTime / (restarts + 1))
	stop()
	if err := l.end(server); err != nil {
		t.Error(err)
	}
	l.over(server)
	t.Logf("%d restarts in %v: %d visits served, %d hung up on before they had their answer; %d clients that stay exchanged %d messages, connected anew %d times, and had to repeat %d messages",
		restarts, *restartTime, v.served.Load(), v.hungUp.Load(), stayers, v.talked.Load(), v.moved.Load(), v.unanswered.Load())
	if want := int64(restartTime.Seconds() * rate / 2); v.served.Load() < want {
		t.Errorf("only %d visits in %v: too few to test anything", v.served.Load(), *restartTime)
	}
	if moved := v.moved.Load(); moved < restarts*stayers {
		t.Errorf("%d clients stayed, and were hung up on %d times in %d restarts", stayers, moved, restarts)
	}
}
