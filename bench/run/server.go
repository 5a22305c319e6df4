//go:build linux

package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/iomux/bench/scenario"
)

const (
	startTime = 10 * time.Second
	stopTime  = 3 * time.Second
)

// errNotStarted: the server has not come so far as to be wrong; it may not have
// what was asked of it, such as two loops.
var errNotStarted = errors.New("does not start")

// server is a peer under way.
type server struct {
	cmd    *exec.Cmd
	addr   netip.AddrPort
	stderr bytes.Buffer
	lines  chan string // what it prints; closed when it has ended its output
}

// launch is all that decides how a server is started.
type launch struct {
	command []string // the program and flags of its own
	loops   int
	procs   int // GOMAXPROCS
	serve   scenario.Kind
	frame   int
	places  places
}

// start runs the server and waits until it says where it listens.
func (l launch) start(ctx context.Context) (*server, error) {
	args := append(slices.Clone(l.command[1:]), "-p", "0", "-loops", strconv.Itoa(l.loops), "-serve", string(l.serve))
	if l.frame > 0 {
		args = append(args, "-frame", strconv.Itoa(l.frame))
	}
	s := &server{cmd: exec.Command(l.command[0], args...), lines: make(chan string, 16)}
	s.cmd.Env = append(withoutTuning(os.Environ()), "GOMAXPROCS="+strconv.Itoa(l.procs))
	s.cmd.Stderr = &s.stderr
	// Should this process be killed, the server goes too.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.places.atServer(s.cmd.Start); err != nil {
		if s.cmd.Process != nil { // it runs, but this process is not back in its place
			s.kill()
			_ = s.cmd.Wait()
		}
		return nil, err
	}
	go func() {
		defer close(s.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			s.lines <- sc.Text()
		}
	}()
	if err := s.listening(ctx); err != nil {
		s.stop()
		if said := s.complaint(); said != "" {
			err = errors.New(said)
		}
		return nil, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	return s, nil
}

func (s *server) listening(ctx context.Context) error {
	late := time.NewTimer(startTime)
	defer late.Stop()
	select {
	case line, ok := <-s.lines:
		if !ok {
			return errors.New("it ended without a word")
		}
		_, where, ok := strings.Cut(line, "://")
		if !ok || !strings.HasPrefix(line, "listening ") {
			return fmt.Errorf("it says %q, not where it listens", line)
		}
		var err error
		s.addr, err = netip.ParseAddrPort(where)
		return err
	case <-late.C:
		return fmt.Errorf("it says nothing for %v", startTime)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the server and returns what else it had to say.
func (s *server) stop() []string {
	// Signals may fail for one reason, that it has ended by itself.
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopTime, s.kill)
	defer kill.Stop()
	var said []string
	for line := range s.lines {
		said = append(said, line)
	}
	_ = s.cmd.Wait() // to end by SIGTERM is no error here
	return said
}

func (s *server) kill() { _ = s.cmd.Process.Kill() } // unless it has ended by itself

// complaint is the first line of what the server wrote to its standard error;
// it may be asked for once the server has stopped.
func (s *server) complaint() string {
	line, _, _ := strings.Cut(strings.TrimSpace(s.stderr.String()), "\n")
	return line
}

// withoutTuning is the environment without what would make one Go program run
// other than the next.
func withoutTuning(env []string) []string {
	var kept []string
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "LD_PRELOAD", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE":
		default:
			kept = append(kept, e)
		}
	}
	return kept
}
