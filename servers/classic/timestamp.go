//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"example.com/iomux/servers/socketserver"
)

// timestamp answers a line with the time and the line: tsTservSS, of a book on Python 2.
var timestamp = Entry{
	Name:      "timestamp",
	About:     "answers a line with the time in front of it",
	Listen:    []string{"tcp://127.0.0.1:21567"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     allModes,
	IOTimeout: requestTimeout,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		repr := flags.Bool("py3repr", false, "answer as the tutorial's does on Python 3, with the line as a literal: b'...'")
		return func(o Options) (*Server, error) {
			s, err := onRequests(o, stamping(o.say, *repr))
			if err == nil {
				o.say.line("等待连接……")
			}
			return s, err
		}
	},
}

// stamping is the handler.
func stamping(say *transcript, repr bool) socketserver.Handler {
	return socketserver.HandlerFunc(func(r *socketserver.Request) error {
		if say != nil {
			say.line("连接来自于: %s", pyAddr(r.ClientAddr()))
		}
		line, err := r.ReadLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if repr {
			line = []byte(pyBytes(line))
		}
		_, err = fmt.Fprintf(r, "[%s] %s", ctime(), line)
		return err
	})
}
