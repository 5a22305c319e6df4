//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"example.com/iomux/servers/socketserver"
)

// logged is an echo of one read whose transcript has all hooks in the order in which
// they are called.
var logged = Entry{
	Name:      "logged",
	About:     "echoes one read, and shows all hooks in the transcript",
	Listen:    []string{"tcp://127.0.0.1:10000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     allModes,
	IOTimeout: requestTimeout,
	setup: func(*flag.FlagSet) func(Options) (*Server, error) {
		return func(o Options) (*Server, error) {
			if o.child == nil {
				o.say.line("EchoServer: __init__")
			}
			class := socketserver.Each(func() socketserver.Handler {
				o.say.line("EchoRequestHandler: __init__")
				return echoRequest{o.say}
			})
			s, err := withHooks(o, class, loggedHooks{hooks{limits: o.limits}, o.say})
			if err != nil {
				return nil, err
			}
			o.say.line("EchoServer: waiting for request")
			o.say.line("EchoServer: Handling requests, press <Ctrl-C> to quit")
			stop := s.stop
			s.stop = func(ctx context.Context) error {
				o.say.line("EchoServer: shutdown()")
				return stop(ctx)
			}
			return s, nil
		}
	},
}

// loggedHooks are EchoServer.
type loggedHooks struct {
	hooks
	say *transcript
}

// ServerActivate implements socketserver.Hooks.
func (h loggedHooks) ServerActivate(s *socketserver.Server) error {
	h.say.line("EchoServer: server_activate")
	return h.hooks.ServerActivate(s)
}

// VerifyRequest implements socketserver.Hooks.
func (h loggedHooks) VerifyRequest(r *socketserver.Request) bool {
	h.about("verify_request", r)
	return h.hooks.VerifyRequest(r)
}

// ProcessRequest implements socketserver.Hooks.
func (h loggedHooks) ProcessRequest(r *socketserver.Request) error {
	h.about("process_request", r)
	return h.hooks.ProcessRequest(r)
}

// FinishRequest implements socketserver.Hooks.
func (h loggedHooks) FinishRequest(r *socketserver.Request) error {
	h.about("finish_request", r)
	return h.hooks.FinishRequest(r)
}

// CloseRequest implements socketserver.Hooks.
func (h loggedHooks) CloseRequest(r *socketserver.Request) {
	if h.say != nil {
		h.say.line("EchoServer: close_request(%s)", pySocket(r))
	}
	h.hooks.CloseRequest(r)
}

// ServerClose implements socketserver.Hooks.
func (h loggedHooks) ServerClose(s *socketserver.Server) error {
	h.say.line("EchoServer: server_close")
	return h.hooks.ServerClose(s)
}

// about prints a hook that has a request and the client's address.
func (h loggedHooks) about(hook string, r *socketserver.Request) {
	if h.say != nil {
		h.say.line("EchoServer: %s(%s, %s)", hook, pySocket(r), pyRepr(r.ClientAddr()))
	}
}

// pySocket is a connection as Python's repr writes it, but for the descriptor, which is
// the loop's business.
func pySocket(r *socketserver.Request) string {
	family := "AF_INET"
	switch a := r.ClientAddr().(type) {
	case *net.UnixAddr:
		family = "AF_UNIX"
	case *net.TCPAddr:
		if a.IP.To4() == nil {
			family = "AF_INET6"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<socket.socket family=AddressFamily.%s, type=SocketKind.SOCK_STREAM, proto=0", family)
	if local := r.Conn().LocalAddr(); local != nil {
		fmt.Fprintf(&b, ", laddr=%s", pyRepr(local))
	}
	if remote := pyAddr(r.ClientAddr()); remote != "" {
		fmt.Fprintf(&b, ", raddr=%s", remote)
	}
	b.WriteByte('>')
	return b.String()
}

// pyRepr is pyAddr where it stands among other things.
func pyRepr(a net.Addr) string {
	if s := pyAddr(a); s != "" {
		return s
	}
	return "''"
}

// echoRequest is EchoRequestHandler.
type echoRequest struct{ say *transcript }

// Setup implements socketserver.Setuper.
func (h echoRequest) Setup(*socketserver.Request) error {
	h.say.line("EchoRequestHandler: setup")
	return nil
}

// Handle implements socketserver.Handler.
func (h echoRequest) Handle(r *socketserver.Request) error {
	h.say.line("EchoRequestHandler: handle")
	p, err := r.Recv(chunk)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if h.say != nil {
		h.say.line("EchoRequestHandler: recv()->\"%s\"", pyBytes(p))
	}
	_, err = r.Write(p)
	return err
}

// Finish implements socketserver.Finisher.
func (h echoRequest) Finish(*socketserver.Request) error {
	h.say.line("EchoRequestHandler: finish")
	return nil
}
