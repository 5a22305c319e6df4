//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// logged notes which of its methods are called: hooks and handler in one.
type logged struct {
	Base
	*journal
	fails  string // the method that fails, by the name of its hook
	how    func() error
	refuse bool
}

// step notes a call, and fails if that is asked for.
func (l *logged) step(name string) error {
	l.add(name)
	if l.fails == name {
		return l.how()
	}
	return nil
}

func (l *logged) ServerBind(s *Server) error     { _ = l.step("server_bind"); return l.Base.ServerBind(s) }
func (l *logged) ServerActivate(s *Server) error { _ = l.step("server_activate"); return nil }
func (l *logged) GetRequest(r *Request) error {
	if err := l.step("get_request"); err != nil {
		return err
	}
	return l.Base.GetRequest(r)
}

func (l *logged) VerifyRequest(r *Request) bool {
	if err := l.step("verify_request"); err != nil {
		panic(err)
	}
	return !l.refuse && l.Base.VerifyRequest(r)
}

func (l *logged) ProcessRequest(r *Request) error {
	if err := l.step("process_request"); err != nil {
		return err
	}
	return l.Base.ProcessRequest(r)
}

func (l *logged) ProcessRequestThread(r *Request) error {
	if err := l.step("process_request_thread"); err != nil {
		return err
	}
	return l.Base.ProcessRequestThread(r)
}

func (l *logged) FinishRequest(r *Request) error {
	if err := l.step("finish_request"); err != nil {
		return err
	}
	return l.Base.FinishRequest(r)
}
func (l *logged) ShutdownRequest(r *Request)        { l.add("shutdown_request"); l.Base.ShutdownRequest(r) }
func (l *logged) CloseRequest(r *Request)           { l.Base.CloseRequest(r); l.add("close_request") }
func (l *logged) HandleError(_ *Request, err error) { l.add("handle_error") }
func (l *logged) ServerClose(s *Server) error       { l.add("server_close"); return l.Base.ServerClose(s) }
func (l *logged) HandleTimeout(s *Server)           { l.add("handle_timeout"); l.Base.HandleTimeout(s) }

// object is the handler, of which there is one for each request.
type object struct{ *logged }

func (o object) Setup(*Request) error { return o.step("setup") }
func (o object) Handle(r *Request) error {
	if err := o.step("handle"); err != nil {
		return err
	}
	line, err := r.ReadLine()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = r.Write(line)
	return err
}
func (o object) Finish(*Request) error { return o.step("finish") }

func (l *logged) class() Handler { l.add("__init__"); return object{l} }

// The order in which the methods of a request are called, in each way that it can go.
// It is that of python3, recorded there once.
func TestHookOrder(t *testing.T) {
	failed := errors.New("on purpose")
	fail := func() error { return failed }
	const (
		accepted = "get_request verify_request process_request THREAD finish_request"
		closed   = "shutdown_request close_request"
	)
	for _, test := range []struct {
		name   string
		fails  string
		how    func() error
		refuse bool
		want   string
	}{
		{"ok", "", nil, false, accepted + " __init__ setup handle finish " + closed},
		{"handler error", "handle", fail, false, accepted + " __init__ setup handle finish handle_error " + closed},
		{"handler panic", "handle", func() error { panic(failed) }, false, accepted + " __init__ setup handle finish handle_error " + closed},
		{"setup error", "setup", fail, false, accepted + " __init__ setup handle_error " + closed},
		{"finish error", "finish", fail, false, accepted + " __init__ setup handle finish handle_error " + closed},
		{"refused", "", nil, true, "get_request verify_request " + closed},
		{"abort", "handle", func() error { return Abort(failed) }, false, accepted + " __init__ setup handle finish " + closed},
		{"abort by panic", "handle", func() error { panic(Abort(failed)) }, false, accepted + " __init__ setup handle finish " + closed},
		{"get_request error", "get_request", fail, false, "get_request"},
		{"verify_request panic", "verify_request", fail, false, "get_request verify_request handle_error " + closed},
		{"process_request error", "process_request", fail, false, "get_request verify_request process_request handle_error " + closed},
		{"finish_request error", "finish_request", fail, false, accepted + " handle_error " + closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, kind string, o Options) {
				l := &logged{journal: &journal{}, fails: test.fails, how: test.how, refuse: test.refuse}
				o.Hooks = l
				s := open(t, kind, Each(l.class), o)
				if got := l.take(); !slices.Equal(got, []string{"server_bind", "server_activate"}) {
					t.Errorf("made with %q", got)
				}
				c := client(t, s)
				if _, err := io.WriteString(c, "hello\n"); err != nil {
					t.Fatal(err)
				}
				handled, err := s.HandleRequest(context.Background())
				wantErr := error(nil)
				if o.Mode == Sync && strings.HasPrefix(test.name, "abort") {
					wantErr = failed
				}
				if !handled || !errors.Is(err, wantErr) {
					t.Errorf("HandleRequest: %v, %v, want %v", handled, err, wantErr)
				}
				thread := "process_request_thread"
				if o.Mode != Threading {
					thread = ""
				}
				want := strings.Fields(strings.Replace(test.want, "THREAD", thread, 1))
				if test.name != "get_request error" {
					for !l.has("close_request") { // of a thread
						await(t)
					}
				}
				if !datagram(kind) {
					answer(t, c)
				}
				_ = c.Close() // else the server waits a moment for it to
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				got := l.take()
				if want = append(want, "server_close"); !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		})
	}
}
