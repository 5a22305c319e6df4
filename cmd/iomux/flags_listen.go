//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"io/fs"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/iomux/reactor"
)

// listenFlags say where a server listens, and how.
type listenFlags struct {
	urls      []string
	given     func() bool // urls are not the default
	mode      permissions
	backlog   count
	balance   choice
	keepAlive span
	takeover  socketPath
}

const defaultURL = "tcp://127.0.0.1:7000"

func (f *listenFlags) group() *pflag.FlagSet {
	f.mode = 0o600
	f.backlog = count{value: 4096, max: 1 << 20}
	f.balance = choice{name: "HOW", of: []string{string(reactor.ReusePort), string(reactor.RoundRobin), string(reactor.LeastConnections)}}
	f.keepAlive = span{min: time.Second, off: true}
	// On these two it is the system that says when, for all connections.
	if runtime.GOOS != "openbsd" && runtime.GOOS != "dragonfly" {
		f.keepAlive.value = time.Minute
	}
	g := flagGroup("Listening")
	g.StringArrayVar(&f.urls, "listen", []string{defaultURL}, "`URL` to listen on, any number of times")
	g.Var(&f.mode, "mode", "permissions of Unix sockets' files")
	g.Var(&f.backlog, "backlog", "connections that the kernel holds until they are accepted")
	g.Var(&f.balance, "balance", "by reuseport (the default where it works), round-robin or least-connections")
	g.Var(&f.keepAlive, "keepalive", "probe TCP connections silent for so long, or off")
	g.Var(&f.takeover, "takeover", "take over from who serves at this socket file, then serve there")
	f.given = func() bool { return g.Changed("listen") }
	return g
}

// complete has a shell complete what the flags take.
func (f *listenFlags) complete(cmd *cobra.Command) {
	if err := cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions); err != nil {
		panic(err) // the flag was added before
	}
	f.balance.complete(cmd, "balance")
}

// options are those of a listener on an address.
func (f *listenFlags) options(url string) reactor.ListenOptions {
	o := reactor.ListenOptions{Mode: fs.FileMode(f.mode)}
	if isPacket(url) {
		return o // no connections are accepted there
	}
	o.Balance = reactor.Balance(f.balance.value)
	if idle := f.keepAlive.value; idle > 0 && isTCP(url) {
		// Four probes in as much time again: a peer that vanished is noticed
		// after twice the time.
		o.Socket.KeepAlive = reactor.KeepAlive{Idle: idle, Interval: max(idle/4, time.Second), Count: 4}
	}
	return o
}
