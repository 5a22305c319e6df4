//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/iomux"
	"example.com/iomux/cmd/internal/study/explain"
	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
)

// each runs f for every scenario on every backend that works here.
func each(t *testing.T, f func(t *testing.T, sc Scenario, b Backend)) {
	for _, sc := range Scenarios() {
		for _, name := range Names() {
			b := Backend(name)
			if err := b.Here(); err != nil {
				t.Logf("%s: %v", name, err)
				continue
			}
			t.Run(sc.Name+"/"+name, func(t *testing.T) { f(t, sc, b) })
		}
	}
}

// lines plays a scenario and returns what is the same in every run.
func lines(t *testing.T, sc Scenario, b Backend) (list []string) {
	t.Helper()
	err := Run(t.Context(), sc, b, func(r *trace.Record) {
		switch {
		case r.Note != "":
			list = append(list, r.Note)
		case r.Depth == 0 && !r.Interrupted():
			list = append(list, trace.Style{Stable: true}.Line(r))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A scenario is the same each time, leaves nothing behind, and each of its calls is
// explained.
func TestScenarios(t *testing.T) {
	each(t, func(t *testing.T, sc Scenario, b Backend) {
		leaktest.Check(t)
		first, second := lines(t, sc, b), lines(t, sc, b)
		for i := range max(len(first), len(second)) {
			if i >= len(first) || i >= len(second) || first[i] != second[i] {
				from := max(0, i-3)
				t.Errorf("two runs differ at line %d:\n%s\n\n%s", i,
					strings.Join(first[from:min(i+6, len(first))], "\n"), strings.Join(second[from:min(i+6, len(second))], "\n"))
				break
			}
		}
		explainer := explain.New()
		err := Run(t.Context(), sc, b, func(r *trace.Record) {
			if why := explainer.Record(r); r.Note == "" && (why == "" || strings.Contains(why, "Something outside")) {
				t.Errorf("not explained: %s", trace.Style{}.Line(r))
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Each scenario shows what it is there for.
func TestWhatScenariosShow(t *testing.T) {
	shows := map[string]func(r *trace.Record) bool{
		"ping-pong":   func(r *trace.Record) bool { return r.Op == sys.OpWrite && r.On.Kind == trace.Conn && r.Result == 4 },
		"two-clients": func(r *trace.Record) bool { return r.Wait && len(r.Found) == 2 },
		"slow-reader": func(r *trace.Record) bool { return r.Op == sys.OpWrite && r.On.Kind == trace.Conn && r.Result < r.Size },
		"half-close":  func(r *trace.Record) bool { return r.Op == sys.OpRead && r.On.Kind == trace.Conn && r.Result == 0 },
		"reset": func(r *trace.Record) bool {
			return r.Op == sys.OpRead && strings.Contains(trace.Style{}.Result(r), "ECONNRESET")
		},
		"burst":        func(r *trace.Record) bool { return r.Op == sys.OpRead && r.Result == r.Size },
		"accept-storm": func(r *trace.Record) bool { return r.Op == sys.OpAccept && r.New != nil && r.New.Name == "conn 18" },
		"timer":        func(r *trace.Record) bool { return r.Wait && r.Result == 0 && r.Timeout > 0 && r.Errno == 0 },
	}
	each(t, func(t *testing.T, sc Scenario, b Backend) {
		shown := false
		err := Run(t.Context(), sc, b, func(r *trace.Record) { shown = shown || r.Note == "" && shows[sc.Name](r) })
		if err != nil || !shown {
			t.Errorf("shown %v, %v", shown, err)
		}
	})
}

// A study's simulation is offered to nobody else.
func TestTheSimulationIsTheStudysAlone(t *testing.T) {
	if !simulated {
		t.Skip("there is a real kqueue here")
	}
	if err := Kqueue.Here(); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), Scenarios()[0], Kqueue, func(*trace.Record) {}); err != nil {
		t.Error(err)
	}
	if p, err := iomux.Open(iomux.Kqueue); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, %v", p, err)
	}
}

// A run that is given up ends, and says so.
func TestGivenUp(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Run(ctx, Scenarios()[0], Default(), func(r *trace.Record) {
		if n++; r.Op == sys.OpAccept {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%d records, %v", n, err)
	}
}

// Nothing sees the process's calls any more when a run is over.
func TestNoHookIsLeft(t *testing.T) {
	over, late := false, 0
	for _, b := range []Backend{Default(), EpollEdge} {
		if b.Here() != nil {
			continue
		}
		over = false
		err := Run(t.Context(), Scenarios()[0], b, func(*trace.Record) {
			if over {
				late++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		over = true
		fd, errno := sys.OpenNull()
		if errno != 0 {
			t.Fatal(errno)
		}
		if errno := sys.Close(fd); errno != 0 {
			t.Error(errno)
		}
		if late > 0 {
			t.Errorf("%s: %d calls were recorded behind the run", b, late)
		}
	}
}

// A listener that cannot be watched is closed, and the server ends in good order.
func TestEdgeServerCannotListen(t *testing.T) {
	if err := EpollEdge.Here(); err != nil {
		t.Skip(err)
	}
	leaktest.Check(t)
	s, err := newEdgeServer(EpollEdge.poller())
	if err != nil {
		t.Fatal(err)
	}
	var listener atomic.Int64
	closed := 0
	restore := sys.SetHooks(&sys.Hooks{
		Fault: func(c sys.Call) sys.Errno {
			if c.Op == "epoll_ctl" && c.Verb == "ADD" {
				listener.Store(int64(c.Asked[0].FD))
				return syscall.ENOSPC
			}
			return 0
		},
		Trace: func(c sys.Call) {
			if c.Op == sys.OpClose && int64(c.FD) == listener.Load() {
				closed++
			}
		},
	})
	_, err = s.listen("tcp://127.0.0.1:0", echo, reactor.SocketOptions{})
	restore()
	if !errors.Is(err, syscall.ENOSPC) || closed != 1 {
		t.Errorf("closed %d times, %v", closed, err)
	}
	if err := s.shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// Each run has a name of its own, and what is another in it are figures at its end.
func TestLocalURL(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("names are files here")
	}
	seen := map[string]bool{}
	for range 3 {
		url, remove, err := localURL()
		defer remove()
		if err != nil || seen[url] || !regexp.MustCompile(`^unix:@iomux-study-\d+$`).MatchString(url) {
			t.Errorf("%s, %v", url, err)
		}
		seen[url] = true
	}
}

func TestFind(t *testing.T) {
	if sc, ok := Find("timer"); !ok || sc.Name != "timer" {
		t.Errorf("%v, %v", sc, ok)
	}
	if _, ok := Find("no such"); ok {
		t.Error("there is one")
	}
	if err := Backend("no such").Here(); err == nil {
		t.Error("it works here")
	}
}
