//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"example.com/iomux/servers/socketserver"
)

// greeting greets each client with the address and the time, and goes on as an echo.
var greeting = Entry{
	Name:      "greeting",
	About:     "greets with its address and the time, then echoes",
	Listen:    []string{"tcp://127.0.0.1:9999"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     allModes,
	IOTimeout: idleTimeout,
	dialogue:  true,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		nl := flags.Bool("nl", false, "end the greeting with a newline")
		return func(o Options) (*Server, error) {
			end := ""
			if *nl {
				end = "\n"
			}
			s, err := onRequests(o, socketserver.HandlerFunc(func(r *socketserver.Request) error {
				return greet(r, o.say, end)
			}))
			if err == nil {
				o.say.line("server is running ....")
			}
			return s, err
		}
	},
}

func greet(r *socketserver.Request, say *transcript, end string) error {
	if say != nil {
		say.line("got connection from %s", pyAddr(r.ClientAddr()))
	}
	if _, err := fmt.Fprintf(r, "connection %s at %s succeed!%s", here(r), ctime(), end); err != nil {
		return err
	}
	for {
		p, err := r.Recv(chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if say != nil {
			say.line("%s", plain(p))
			say.line("RECV from %s", hostOf(r.ClientAddr()))
		}
		if _, err := r.Write(p); err != nil {
			return err
		}
	}
}

// here is this side of a connection, HOST:PORT or a path.
func here(r *socketserver.Request) net.Addr {
	if a := r.Conn().LocalAddr(); a != nil {
		return a
	}
	return r.Server().Addr() // the client has gone already
}

// ctime is the time as C's function of this name writes it, without a newline.
func ctime() string { return time.Now().Format(time.ANSIC) }
