//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"errors"
	"flag"
	"io"

	"example.com/iomux/servers/socketserver"
)

// upper answers a line, or a datagram, with the same in capitals, and without the
// white space around it.
var upper = Entry{
	Name:      "upper",
	About:     "answers a line, or a datagram, in capitals",
	Listen:    []string{"tcp://127.0.0.1:9999", "udp://127.0.0.1:9999"},
	Kinds:     []string{"tcp", "udp", "unix", "unixgram"},
	Modes:     allModes,
	IOTimeout: requestTimeout,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		exact := flags.Bool("exact", false, "answer what the first read brings, as in the tutorial, instead of a line")
		return func(o Options) (*Server, error) {
			return onRequests(o, socketserver.HandlerFunc(func(r *socketserver.Request) error {
				return shout(r, o.say, *exact)
			}))
		}
	},
}

func shout(r *socketserver.Request, say *transcript, exact bool) error {
	var said []byte
	var err error
	switch {
	case r.Conn() == nil:
		said = r.Packet()
	case exact:
		said, err = r.Recv(chunk)
	default:
		said, err = r.ReadLine()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	said = bytes.Trim(said, space)
	if say != nil {
		say.line("%s wrote:", hostOf(r.ClientAddr()))
		say.line("%s", plain(said))
	}
	_, err = r.Write(capitals(said))
	return err
}

// capitals changes the letters of ASCII, as Python does with bytes; all others may be
// parts of characters.
func capitals(p []byte) []byte {
	p = bytes.Clone(p)
	for i, c := range p {
		if 'a' <= c && c <= 'z' {
			p[i] = c - 'a' + 'A'
		}
	}
	return p
}
