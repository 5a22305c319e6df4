//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"flag"
	"os"
	"strconv"

	"example.com/iomux/servers/socketserver"
)

// fork answers with the number of the process that serves a request.
var fork = Entry{
	Name:      "fork",
	About:     "answers with the number of the request's process",
	Listen:    []string{"tcp://127.0.0.1:10000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     []socketserver.Mode{socketserver.Forking},
	IOTimeout: requestTimeout,
	OneLoop:   true,
	setup: func(*flag.FlagSet) func(Options) (*Server, error) {
		return func(o Options) (*Server, error) {
			s, err := onRequests(o, naming(func(*socketserver.Request) string { return strconv.Itoa(os.Getpid()) }))
			if err == nil {
				o.say.line("Server loop running in process: %d", os.Getpid())
			}
			return s, err
		}
	},
}
