//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"io"
	"io/fs"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/classic"
	"example.com/iomux/servers/socketserver"
)

// classicServer is a classic server and what its flags say.
type classicServer struct {
	entry       classic.Entry
	start       classic.Start
	transcript  bool
	urls        []string
	permissions permissions
	backlog     count
	keepAlive   span
	serving     servingFlags
	limits      limitFlags
	times       timeFlags
	loops       loopFlags
	log         logFlags
}

// servingFlags say how requests are served.
type servingFlags struct {
	mode                    choice
	maxThreads, maxChildren count
	ioTimeout               span
}

// addFlags gives cmd the flags that the server has.
func (s *classicServer) addFlags(cmd *cobra.Command) {
	groups := []*pflag.FlagSet{s.ownGroup()}
	limits, times, loops, log := s.limitGroup(), s.times.group(), s.loops.group(), s.log.group()
	if s.listens() {
		groups = append(groups, s.listenGroup())
	}
	if len(s.entry.Modes) > 0 {
		groups = append(groups, s.serving.group(s.entry))
	}
	switch {
	case s.connects():
		groups = append(groups, limits, times)
	case s.listens():
		groups = append(groups, only(limits, "write-limit"), only(times, "drain-timeout"))
	default:
		log = only(log, "log-format", "log-level")
	}
	switch {
	case !s.listens():
		loops = only(loops, "backend")
	case s.entry.OneLoop:
		loops = only(loops, "backend", "wait", "slow-callback")
	}
	addGroups(cmd, append(groups, loops, log)...)
	s.complete(cmd)
}

// listens reports whether the server has clients.
func (s *classicServer) listens() bool { return len(s.entry.Listen) > 0 }

// connects reports whether its clients have connections.
func (s *classicServer) connects() bool { return slices.Contains(s.entry.Kinds, "tcp") }

// only is a group of some flags of another.
func only(all *pflag.FlagSet, names ...string) *pflag.FlagSet {
	some := flagGroup(all.Name())
	for _, name := range names {
		some.AddFlag(all.Lookup(name))
	}
	return some
}

// complete has a shell complete what the flags take.
func (s *classicServer) complete(cmd *cobra.Command) {
	has := func(flag string) bool { return cmd.Flags().Lookup(flag) != nil }
	s.loops.backend.complete(cmd, "backend")
	if has("wait") {
		s.loops.wait.complete(cmd, "wait")
	}
	if has("mode") {
		s.serving.mode.complete(cmd, "mode")
	}
	s.log.complete(cmd)
}

func (s *classicServer) listenGroup() *pflag.FlagSet {
	s.permissions = 0o600
	s.backlog = count{value: 4096, max: 1 << 20}
	s.keepAlive = span{min: time.Second, off: true}
	// On these two it is the system that says when, for all connections.
	if runtime.GOOS != "openbsd" && runtime.GOOS != "dragonfly" {
		s.keepAlive.value = time.Minute
	}
	g := flagGroup("Listening")
	g.StringArrayVar(&s.urls, "listen", s.entry.Listen, "`URL` to listen on, any number of times: "+orList(s.entry.Kinds))
	g.Lookup("listen").DefValue = "[]" // for the help, which has a sentence about it
	if s.connects() {
		g.Var(&s.permissions, "permissions", "those of Unix sockets' files")
		g.Var(&s.backlog, "backlog", "connections that the kernel holds until they are accepted")
		g.Var(&s.keepAlive, "keepalive", "probe TCP connections silent for so long, or off")
	}
	return g
}

func (f *servingFlags) group(e classic.Entry) *pflag.FlagSet {
	f.mode = choice{name: "MODE", value: string(e.Modes[0])}
	for _, m := range e.Modes {
		f.mode.of = append(f.mode.of, string(m))
	}
	f.maxThreads = count{value: 1024, max: math.MaxInt32}
	f.maxChildren = count{value: 40, max: math.MaxInt32}
	f.ioTimeout = span{value: e.IOTimeout, min: time.Millisecond, off: true}
	g := flagGroup("Serving")
	g.Var(&f.mode, "mode", "how requests are served: "+orList(f.mode.of))
	if slices.Contains(e.Modes, socketserver.Threading) {
		g.Var(&f.maxThreads, "max-threads", "requests at a time in mode thread")
	}
	if slices.Contains(e.Modes, socketserver.Forking) {
		g.Var(&f.maxChildren, "max-children", "requests at a time in mode fork")
	}
	what := "how long a request may take, or off"
	if e.Dialogue() {
		what = "close a client that is silent for so long, or off"
	}
	g.Var(&f.ioTimeout, "io-timeout", what)
	return g
}

// limitGroup is that of other servers, but that there is a limit on connections.
func (s *classicServer) limitGroup() *pflag.FlagSet {
	g := s.limits.group()
	s.limits.maxConns.value = classic.MaxConns
	f := g.Lookup("max-conns")
	f.DefValue, f.Usage = f.Value.String(), "connections at a time"
	return g
}

// check refuses what the flags cannot be together.
func (s *classicServer) check(changed func(flag string) bool) error {
	mode := socketserver.Mode(s.serving.mode.value)
	for _, f := range []struct {
		flag string
		mode socketserver.Mode
	}{
		{"loops", socketserver.Loop}, {"pin", socketserver.Loop},
		{"max-threads", socketserver.Threading}, {"max-children", socketserver.Forking},
	} {
		if mode != "" && mode != f.mode && changed(f.flag) {
			return usagef("--%s is for --mode %s, and this is --mode %s", f.flag, f.mode, mode)
		}
	}
	if !s.connects() {
		return nil // of what that is about there is only one flag
	}
	return s.limits.check()
}

// options are what the flags say.
func (s *classicServer) options(stdout io.Writer, log *slog.Logger) classic.Options {
	o := classic.Options{Listen: s.urls, Out: stdout}
	o.Reactor.Logger = log
	s.loops.apply(&o.Reactor)
	if s.transcript {
		o.Transcript = stdout
	}
	if s.connects() {
		s.limits.apply(&o.Reactor)
		s.times.apply(&o.Reactor)
		o.NoTimeouts = true // they are as the flags say
		o.Socket.Mode = fs.FileMode(s.permissions)
		o.Reactor.Backlog = s.backlog.value
		if idle := s.keepAlive.value; idle > 0 {
			o.Socket.Socket.KeepAlive = reactor.KeepAlive{Idle: idle, Interval: max(idle/4, time.Second), Count: 4}
		}
	} else if s.listens() {
		o.Reactor.WriteLimit = int(s.limits.writeLimit)
	}
	if len(s.entry.Modes) > 0 {
		o.Mode = socketserver.Mode(s.serving.mode.value)
		o.MaxThreads, o.MaxChildren = s.serving.maxThreads.value, s.serving.maxChildren.value
		if o.IOTimeout = s.serving.ioTimeout.value; o.IOTimeout == 0 {
			o.IOTimeout = -1 // never
		}
	}
	return o
}
