//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"example.com/iomux/servers/socketserver"
)

// thread answers with the name of the thread that serves a request. In modes without
// threads the names are those that there would be.
var thread = Entry{
	Name:      "thread",
	About:     "answers with the name of the request's thread",
	Listen:    []string{"tcp://127.0.0.1:10000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     []socketserver.Mode{socketserver.Threading, socketserver.Loop, socketserver.Sync},
	IOTimeout: requestTimeout,
	setup: func(*flag.FlagSet) func(Options) (*Server, error) {
		return func(o Options) (*Server, error) {
			s, err := onRequests(o, naming((*socketserver.Request).Thread))
			if err == nil {
				o.say.line("Server loop running in thread: Thread-1")
			}
			return s, err
		}
	},
}

// naming answers what one read brings with a name in front of it.
func naming(name func(*socketserver.Request) string) socketserver.Handler {
	return socketserver.HandlerFunc(func(r *socketserver.Request) error {
		p, err := r.Recv(chunk)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		_, err = fmt.Fprintf(r, "%s: %s", name(r), p)
		return err
	})
}
