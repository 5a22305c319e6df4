//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"flag"

	"example.com/iomux/servers/socketserver"
)

// bare is BaseRequestHandler with nothing added: a client is let in, and that was it.
var bare = Entry{
	Name:   "bare",
	About:  "accepts and closes: a handler that does nothing",
	Listen: []string{"tcp://127.0.0.1:8000"},
	Kinds:  []string{"tcp", "unix"},
	Modes:  allModes,
	setup: func(*flag.FlagSet) func(Options) (*Server, error) {
		return func(o Options) (*Server, error) {
			return onRequests(o, socketserver.HandlerFunc(func(*socketserver.Request) error { return nil }))
		}
	},
}

// allModes are all modes, as most servers can serve in.
var allModes = []socketserver.Mode{socketserver.Loop, socketserver.Sync, socketserver.Threading, socketserver.Forking}
