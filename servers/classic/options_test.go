//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// The table has each server once, in order, with what others show of it.
func TestTable(t *testing.T) {
	all := Servers()
	if !slices.IsSortedFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("they are not in the order of their names")
	}
	for i, e := range all {
		if i > 0 && all[i-1].Name == e.Name {
			t.Errorf("two are called %s", e.Name)
		}
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(e.Name) || e.About == "" || strings.ContainsAny(e.About, "\n.") || e.setup == nil {
			t.Errorf("%+v", e)
		}
		for _, url := range e.Listen {
			if !slices.Contains(e.Kinds, kind(url)) || !private(url) && e.Name != "multicast" {
				t.Errorf("%s listens at %s", e.Name, url)
			}
		}
		for _, m := range e.Modes {
			if !slices.Contains(allModes, m) {
				t.Errorf("%s has mode %q", e.Name, m)
			}
		}
		if found, ok := Find(e.Name); !ok || found.About != e.About {
			t.Errorf("%s is not found", e.Name)
		}
		flags := flag.NewFlagSet(e.Name, flag.ContinueOnError)
		if e.Setup(flags) == nil {
			t.Errorf("%s has no start", e.Name)
		}
		flags.VisitAll(func(f *flag.Flag) {
			if f.Usage == "" {
				t.Errorf("flag %s of %s is not explained", f.Name, e.Name)
			}
		})
	}
	if _, ok := Find("nobody"); ok {
		t.Error("there is a server nobody")
	}
	all[0].Name = "changed"
	if Servers()[0].Name == "changed" {
		t.Error("the table can be changed")
	}
}

// What cannot be is refused before anything is opened.
func TestOptionsRefused(t *testing.T) {
	for _, test := range []struct {
		server, flags string
		o             Options
		want          error
	}{
		{"echo", "", Options{Listen: []string{"http://127.0.0.1:0"}}, reactor.ErrAddress},
		{"echo", "", Options{Listen: []string{"tcp://127.0.0.1"}}, reactor.ErrAddress},
		{"chat", "", Options{Listen: []string{"udp://127.0.0.1:0"}}, reactor.ErrOption},
		{"echo", "", Options{Listen: []string{"unixpacket:///tmp/x"}}, reactor.ErrOption},
		{"pair", "", Options{Listen: []string{"tcp://127.0.0.1:0"}}, reactor.ErrOption},
		{"echo", "", Options{Mode: socketserver.Sync}, reactor.ErrOption},
		{"fork", "", Options{Mode: socketserver.Loop}, reactor.ErrOption},
		{"upper", "", Options{Mode: "fast"}, reactor.ErrOption},
		{"upper", "", Options{MaxThreads: -1}, reactor.ErrOption},
		{"echo", "-chunk 8", Options{}, reactor.ErrOption},
		{"echo", "-idle 1s", Options{}, reactor.ErrOption},
		{"echo", "-chunk -8", Options{Transcript: &paper{}}, reactor.ErrOption},
		{"echo", "-idle -1s", Options{Transcript: &paper{}}, reactor.ErrOption},
		{"menu", "-tick 1s", Options{}, reactor.ErrOption},
		{"menu", "-tick -1s", Options{Transcript: &paper{}}, reactor.ErrOption},
		{"multi", "", Options{Listen: []string{"tcp://127.0.0.1:0"}}, reactor.ErrOption},
		{"echo", "", Options{Reactor: reactor.Options{Loops: -1}}, reactor.ErrOption},
	} {
		leaktest.Check(t)
		if _, err := setup(t, test.server, strings.Fields(test.flags)...)(test.o); !errors.Is(err, test.want) {
			t.Errorf("%s %s %+v: %v", test.server, test.flags, test.o, err)
		}
	}
}

// The defaults are safe, and can be changed.
func TestDefaults(t *testing.T) {
	o, err := Options{}.complete(timestamp)
	if err != nil {
		t.Fatal(err)
	}
	if o.Mode != socketserver.Loop || !slices.Equal(o.Listen, timestamp.Listen) || o.Reactor.MaxConns != MaxConns ||
		o.Reactor.Timeouts != (reactor.Timeouts{Idle: 5 * time.Minute, Write: 30 * time.Second}) ||
		o.limits != (limits{request: 30 * time.Second}) || o.say != nil {
		t.Errorf("%+v", o)
	}
	if o, _ = (Options{}).complete(quit); o.limits != (limits{read: 5 * time.Minute}) {
		t.Errorf("%+v", o.limits)
	}
	if o, _ = (Options{IOTimeout: time.Second}).complete(quit); o.limits != (limits{read: time.Second}) {
		t.Errorf("%+v", o.limits)
	}
	if o, _ = (Options{IOTimeout: time.Second}).complete(upper); o.limits != (limits{request: time.Second}) {
		t.Errorf("%+v", o.limits)
	}
	for _, e := range []Entry{quit, upper} {
		if o, _ = (Options{IOTimeout: -1, NoTimeouts: true}).complete(e); o.limits != (limits{}) || o.Reactor.Timeouts != (reactor.Timeouts{}) {
			t.Errorf("%+v %+v", o.limits, o.Reactor.Timeouts)
		}
	}
	mine := reactor.Timeouts{Handshake: time.Second}
	if o, _ = (Options{Reactor: reactor.Options{Timeouts: mine, MaxConns: 3}}).complete(chat); o.Reactor.Timeouts != mine || o.Reactor.MaxConns != 3 {
		t.Errorf("%+v", o.Reactor)
	}
}

// One line of the log says that strangers can connect, and only where they can.
func TestPublicIsLogged(t *testing.T) {
	leaktest.Check(t)
	for url, public := range map[string]bool{
		"tcp://127.0.0.1:0": false, "tcp://0.0.0.0:0": true, "udp://0.0.0.0:0": true, "tcp://127.0.0.2:0": false, "unix://" + socketPath(t): false,
	} {
		for _, name := range []string{"echo", "upper"} {
			log := &paper{}
			o := Options{Listen: []string{url}}
			o.Reactor.Logger = slog.New(slog.NewTextHandler(log, nil))
			end(t, begin(t, name, o))
			if got := strings.Count(log.String(), "other machines can connect"); got != 0 != public || got > 1 {
				t.Errorf("%s at %s logs:\n%s", name, url, log.String())
			}
		}
	}
	for url, want := range map[string]bool{
		"tcp://[::1]:1": true, "tcp://[::]:1": false, "udp://[::ffff:127.0.0.1]:1": true, "unix:@name": true, "tcp://10.0.0.1:1": false, "nonsense": false,
	} {
		if private(url) != want {
			t.Errorf("%s: want %v", url, want)
		}
	}
}

// No more connections are let in than the limit says, and keep-alive is for TCP.
func TestLimitsApply(t *testing.T) {
	leaktest.Check(t)
	for _, name := range []string{"echo", "upper"} {
		o := Options{Listen: []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unix://" + socketPath(t)}}
		o.Reactor.MaxConns = 1
		o.Socket.Socket.KeepAlive = reactor.KeepAlive{Idle: time.Minute}
		s := begin(t, name, o)
		c := dial(t, s, 0)
		if name == "echo" {
			say(t, c, "x")
			hear(t, c, "x")
			hearNothing(t, dial(t, s, 0))
		}
		p := dial(t, s, 1)
		say(t, p, "X")
		hear(t, p, "X")
		for s.Stats().PacketsIn != 1 || s.Stats().BytesIn == 0 {
			time.Sleep(100 * time.Microsecond) // counts are published once a turn
		}
	}
}

// What does not end is cut when the time for that is over.
func TestForcedEnd(t *testing.T) {
	leaktest.Check(t)
	for _, name := range []string{"echo", "greeting"} {
		o := Options{Listen: []string{"tcp://127.0.0.1:0"}}
		o.Socket.Socket.WriteBuffer = 16 << 10
		s, err := setup(t, name)(o)
		if err != nil {
			t.Fatal(err)
		}
		c := dialTCP(t, s)
		over := make(chan struct{})
		go func() {
			defer close(over)
			for p := make([]byte, 1<<16); ; {
				if _, err := c.Write(p); err != nil {
					return // it is cut
				}
			}
		}()
		for s.Stats().Buffered < 64<<10 {
			time.Sleep(100 * time.Microsecond) // until it cannot answer any more
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		_ = c.Close()
		<-over
	}
}
