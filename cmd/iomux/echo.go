//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/iomux"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// drainTime is how long connections may take to drain after a signal.
const drainTime = 10 * time.Second

func newEcho() *cobra.Command {
	var s server
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Serve echo: every client gets back what it sends",
		Long: `Serve echo: every client gets back what it sends (RFC 862).

Each listener prints one line such as "listening tcp://127.0.0.1:7000" once
clients can connect. SIGINT or SIGTERM ends the server: it accepts no more,
answers what has arrived, for at most ten seconds, and exits with 0. A second
signal ends it at once, with 1.

The log goes to standard error; at level debug it shows every connection. Which
backends work here, "iomux backends" says.`,
		Example: `  iomux echo
  iomux echo --listen tcp://127.0.0.1:0
  iomux echo --listen tcp://127.0.0.1:7000 --listen tcp://[::1]:7000
  iomux echo --backend poll --loops 1 --log-level debug --log-format json`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(echo.Handler{}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.addFlags(cmd)
	return cmd
}

// server is what the flags of a server on a reactor say.
type server struct {
	listen    []string
	backend   choice
	loops     loopCount
	logFormat choice
	logLevel  choice
}

func (s *server) addFlags(cmd *cobra.Command) {
	s.backend = choice{name: "NAME", of: backendNames()}
	s.logFormat = choice{name: "FORMAT", value: "text", of: []string{"text", "json"}}
	s.logLevel = choice{name: "LEVEL", value: "info", of: []string{"debug", "info", "warn", "error"}}
	cmd.Flags().StringArrayVar(&s.listen, "listen", []string{"tcp://127.0.0.1:7000"}, "`URL` to listen on, any number of times")
	if err := cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions); err != nil {
		panic(err) // the flag was added the line before
	}
	addChoice(cmd, &s.backend, "backend", "what waits (default the best here)")
	cmd.Flags().Var(&s.loops, "loops", "how many event loops (default one a processor)")
	addChoice(cmd, &s.logFormat, "log-format", "form of the log")
	addChoice(cmd, &s.logLevel, "log-level", "least level to log")
}

// loopCount is a number of loops; 0 leaves it to the reactor.
type loopCount int

// maxLoops is far beyond what helps, and below what could hurt.
const maxLoops = 1024

func (n *loopCount) Type() string { return "N" }

func (n *loopCount) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.Itoa(int(*n))
}

func (n *loopCount) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 || v > maxLoops {
		return fmt.Errorf("want a number from 1 to %d", maxLoops)
	}
	*n = loopCount(v)
	return nil
}

// run serves until a signal asks for the end.
func (s *server) run(h reactor.Handler, stdout, stderr io.Writer) error {
	for _, address := range s.listen {
		if err := checkScheme(address); err != nil {
			return err
		}
	}
	// Without a reader of the log the server goes on: a write to it fails
	// instead of killing the process.
	signal.Ignore(syscall.SIGPIPE)
	log := s.logger(stderr)
	group, err := reactor.Open(reactor.Options{
		Backend: iomux.Backend(s.backend.value),
		Loops:   int(s.loops),
		Logger:  log,
	})
	if err != nil {
		return s.explain(err)
	}
	listeners, err := s.open(group, h)
	if err != nil {
		return errors.Join(err, group.Shutdown(context.Background()))
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	for _, l := range listeners {
		if _, err := fmt.Fprintln(stdout, "listening", l.URL()); err != nil {
			return errors.Join(fmt.Errorf("cannot say where it listens: %w", err), group.Shutdown(context.Background()))
		}
		if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
			log.Info("other machines can connect", "listener", l.URL())
		}
	}
	sig := <-signals
	log.Info("draining", "signal", sig, "limit", drainTime)
	return drain(group, signals, log)
}

// open listens on every address; no line is printed unless all of them work.
func (s *server) open(group *reactor.Group, h reactor.Handler) (listeners []*reactor.Listener, err error) {
	for _, address := range s.listen {
		l, err := group.Listen(address, h)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// drain shuts the group down, and gives up on that at the next signal.
func drain(group *reactor.Group, signals <-chan os.Signal, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- group.Shutdown(ctx) }()
	select {
	case err := <-done:
		if errors.Is(err, context.DeadlineExceeded) {
			// The server did what the signal asked of it; the clients did not.
			log.Warn("connections that did not drain in time were closed", "limit", drainTime)
			return nil
		}
		return err
	case sig := <-signals:
		return fmt.Errorf("second signal (%v): exiting at once, connections that had not drained are cut", sig)
	}
}

// logger makes the log that the flags ask for.
func (s *server) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel.value)); err != nil {
		panic(err) // the flag takes the names of levels only
	}
	o := &slog.HandlerOptions{Level: level}
	if s.logFormat.value == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// explain says of a backend that does not work what would.
func (s *server) explain(err error) error {
	if s.backend.value == "" || errors.Is(err, reactor.ErrOption) {
		return err
	}
	var here []string
	for _, b := range iomux.Backends() {
		if string(b) == s.backend.value {
			return err // it works: something else is wrong
		}
		here = append(here, string(b))
	}
	return fmt.Errorf("backend %q does not work here: %w; want %s", s.backend.value, err, orList(here))
}
