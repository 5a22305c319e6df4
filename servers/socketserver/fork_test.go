//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/iomux/internal/leaktest"
)

// forking runs a test of each kind of server, with a process for each request and with
// a pool.
func forking(t *testing.T, test func(t *testing.T, kind string, o Options)) {
	for _, kind := range kinds {
		for _, pool := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/pool=%v", kind, pool), func(t *testing.T) {
				leaktest.Check(t)
				test(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 2})
			})
		}
	}
}

// unused is the handler of the parent, which does not run.
var unused = HandlerFunc(func(*Request) error { panic("the parent's handler runs") })

// openFork makes a server with children.
func openFork(t *testing.T, kind string, o Options) *Server {
	t.Helper()
	return open(t, kind, unused, o)
}

// runForkServer is runServer of a server whose handler runs in children, while a child
// of somebody else ends, who has to get it.
func runForkServer(t *testing.T, kind string) {
	for _, pool := range []bool{false, true} {
		t.Run(fmt.Sprintf("pool=%v", pool), func(t *testing.T) {
			leaktest.Check(t)
			log := &logBuffer{}
			s := openFork(t, kind, Options{Mode: Forking, Child: "probe", Pool: pool, MaxChildren: 2, Logger: slogTo(log)})
			stop := serve(t, s)
			foreign := exec.Command("sh", "-c", "exit 72")
			if err := foreign.Start(); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(s.Addr().String(), ":0") {
				t.Error("Addr is not what was bound")
			}
			for i := range 3 {
				text := fmt.Sprintf("Hello, world %d", i)
				if got := ask(t, client(t, s), "echo "+text+"\n"); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if s.Fd() != -1 {
				t.Error("it has a descriptor when it is closed")
			}
			if err := foreign.Wait(); foreign.ProcessState.ExitCode() != 72 {
				t.Errorf("the foreign child: %v", err)
			}
			if log.count("child") > 0 {
				t.Error("the log tells of children for which all went well")
			}
			if n := running(s); n != 0 {
				t.Errorf("%d children are left", n)
			}
		})
	}
}

// running is how many children a server has.
func running(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.children.starting + len(s.children.running)
}

func Test_ForkingTCPServer(t *testing.T)          { runForkServer(t, "tcp") }
func Test_ForkingUnixStreamServer(t *testing.T)   { runForkServer(t, "unix") }
func Test_ForkingUDPServer(t *testing.T)          { runForkServer(t, "udp") }
func Test_ForkingUnixDatagramServer(t *testing.T) { runForkServer(t, "unixgram") }

// forkHandled is what is said of test_forking_x: the handler ends in some way, and
// HandleRequest returns. The result is what the child has noted.
func forkHandled(t *testing.T, how string, pool bool) []string {
	t.Helper()
	notes := filepath.Join(t.TempDir(), "notes")
	t.Setenv(noteVariable, notes)
	told := make(chan error, 10)
	s := openFork(t, "tcp", Options{Mode: Forking, Child: "failing", Pool: pool, MaxChildren: 2, Hooks: fails{told: told}})
	c := client(t, s)
	if _, err := io.WriteString(c, how+"\n"); err != nil {
		t.Fatal(err)
	}
	if handled, err := s.HandleRequest(context.Background()); !handled || err != nil {
		t.Errorf("HandleRequest: %v, %v", handled, err)
	}
	if got := answer(t, c); got != "" {
		t.Errorf("got %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if len(told) > 0 {
		t.Errorf("the parent's hook was told %v", <-told)
	}
	p, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(p), "\n"), "\n")
}

func bothWays(t *testing.T, test func(t *testing.T, pool bool)) {
	for _, pool := range []bool{false, true} {
		t.Run(fmt.Sprintf("pool=%v", pool), func(t *testing.T) {
			leaktest.Check(t)
			test(t, pool)
		})
	}
}

func Test_forking_handled(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		if got := forkHandled(t, "fail", pool); !slices.Equal(got, []string{"handle", "told test"}) {
			t.Errorf("got %q", got)
		}
		if got := forkHandled(t, "panic", pool); !slices.Equal(got, []string{"handle", "told panic: test"}) {
			t.Errorf("got %q", got)
		}
	})
}

func Test_forking_not_handled(t *testing.T) {
	bothWays(t, func(t *testing.T, pool bool) {
		for _, how := range []string{"abort", "goexit", "exit"} {
			if got := forkHandled(t, how, pool); !slices.Equal(got, []string{"handle"}) {
				t.Errorf("%s: got %q", how, got)
			}
		}
	})
}
