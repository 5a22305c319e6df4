//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// scenarioVariable tells a child which of forkOrders it is about.
const scenarioVariable = "IOMUX_TEST_SCENARIO"

// forkOrders are the orders in which methods are called in mode Forking: in the parent,
// to which closing is added, and in the child. It is that of python3, recorded there once.
var forkOrders = map[string]struct {
	fails         string
	how           func() error
	refuse        bool
	parent, child string
}{
	"ok":                    {parent: forked, child: began + "handle finish " + ended},
	"handler error":         {"handle", failHere, false, forked, began + "handle finish handle_error " + ended},
	"handler panic":         {"handle", func() error { panic(errHere) }, false, forked, began + "handle finish handle_error " + ended},
	"handler Goexit":        {"handle", func() error { runtime.Goexit(); return nil }, false, forked, began + "handle finish " + ended},
	"setup error":           {"setup", failHere, false, forked, began + "handle_error " + ended},
	"finish error":          {"finish", failHere, false, forked, began + "handle finish handle_error " + ended},
	"refused":               {refuse: true, parent: "get_request verify_request " + ended},
	"abort":                 {"handle", func() error { return Abort(errHere) }, false, forked, began + "handle finish " + ended},
	"abort by panic":        {"handle", func() error { panic(Abort(errHere)) }, false, forked, began + "handle finish " + ended},
	"finish_request error":  {"finish_request", failHere, false, forked, "finish_request handle_error " + ended},
	"get_request error":     {"get_request", failHere, false, "get_request", ""},
	"verify_request panic":  {"verify_request", failHere, false, "get_request verify_request handle_error " + ended, ""},
	"process_request error": {"process_request", failHere, false, "get_request verify_request process_request handle_error " + ended, ""},
}

const (
	forked = "get_request verify_request process_request close_request"
	began  = "finish_request __init__ setup "
	ended  = "shutdown_request close_request"
)

var errHere = errors.New("on purpose")

func failHere() error { return errHere }

// loggedParent notes what is about children, too.
type loggedParent struct{ *logged }

func (l loggedParent) CollectChildren(*Server) { l.add("collect_children") }

// loggedChild hands its journal on with the last of its methods.
type loggedChild struct{ *logged }

func (l loggedChild) CloseRequest(r *Request) {
	l.logged.CloseRequest(r)
	note(strings.Join(l.take(), " "))
}

func init() {
	Register("logged", func() (Handler, Options) {
		o := forkOrders[os.Getenv(scenarioVariable)]
		l := &logged{journal: &journal{}, fails: o.fails, how: o.how}
		return Each(l.class), Options{Hooks: loggedChild{l}}
	})
}

func TestForkingHookOrder(t *testing.T) {
	for name, test := range forkOrders {
		t.Run(name, func(t *testing.T) {
			forking(t, func(t *testing.T, kind string, o Options) {
				notes := filepath.Join(t.TempDir(), "notes")
				t.Setenv(noteVariable, notes)
				t.Setenv(scenarioVariable, name)
				l := &logged{journal: &journal{}, fails: test.fails, how: test.how, refuse: test.refuse}
				o.Hooks, o.Child = loggedParent{l}, "logged"
				s := openFork(t, kind, o)
				if got := l.take(); !slices.Equal(got, []string{"server_bind", "server_activate"}) {
					t.Errorf("made with %q", got)
				}
				c := client(t, s)
				if _, err := io.WriteString(c, "hello\n"); err != nil {
					t.Fatal(err)
				}
				if handled, err := s.HandleRequest(context.Background()); !handled || err != nil {
					t.Errorf("HandleRequest: %v, %v", handled, err)
				}
				want := ""
				if name == "ok" || name == "finish error" {
					want = "hello\n"
				}
				if !datagram(kind) || want != "" {
					if got := answer(t, c); got != want {
						t.Errorf("the client got %q, want %q", got, want)
					}
				}
				_ = c.Close() // else the server waits a moment for it to
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if got, want := l.take(), append(strings.Fields(test.parent), "server_close", "collect_children"); !slices.Equal(got, want) {
					t.Errorf("in the parent\ngot  %q\nwant %q", got, want)
				}
				p, err := os.ReadFile(notes)
				if err != nil && test.child != "" {
					t.Fatal(err)
				}
				if got, want := strings.Fields(string(p)), strings.Fields(test.child); !slices.Equal(got, want) {
					t.Errorf("in the child\ngot  %q\nwant %q", got, want)
				}
			})
		})
	}
}
