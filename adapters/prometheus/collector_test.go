//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package prometheus

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

type echo struct{ reactor.NopHandler }

func (echo) Data(c *reactor.Conn, p []byte) int { c.Write(p); return len(p) }

// run runs an echo server until the test ends.
func run(t *testing.T) (*reactor.Group, *reactor.Listener) {
	t.Helper()
	group, err := reactor.Open(reactor.Options{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := group.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	listener, err := group.Listen("tcp://127.0.0.1:0", echo{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return group, listener
}

// talk has n connections send five bytes each and get them back, and leaves them open.
func talk(t *testing.T, listener *reactor.Listener, n int) (conns []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	return conns
}

// settled waits until all loops have published the counts of what came before.
func settled(t *testing.T, group *reactor.Group) {
	t.Helper()
	for range 2 { // the counts are known when the turn is over: in the second that of the first is
		for _, l := range group.Loops() {
			done := make(chan struct{})
			if err := l.Post(func() { close(done) }); err != nil {
				t.Fatal(err)
			}
			<-done
		}
	}
}

func TestCollect(t *testing.T) {
	leaktest.Check(t)
	group, listener := run(t)
	c := New(group, map[string]string{"server": "a"})
	talk(t, listener, 3)
	settled(t, group)
	want := `
# HELP iomux_connections Connections that there are.
# TYPE iomux_connections gauge
iomux_connections{server="a"} 3
# HELP iomux_connections_closed_total Connections that have closed.
# TYPE iomux_connections_closed_total counter
iomux_connections_closed_total{server="a"} 0
# HELP iomux_connections_opened_total Connections that were opened, accepted and dialled.
# TYPE iomux_connections_opened_total counter
iomux_connections_opened_total{server="a"} 3
# HELP iomux_received_bytes_total Bytes received, of connections and datagrams.
# TYPE iomux_received_bytes_total counter
iomux_received_bytes_total{server="a"} 15
# HELP iomux_sent_bytes_total Bytes sent, of connections and datagrams.
# TYPE iomux_sent_bytes_total counter
iomux_sent_bytes_total{server="a"} 15
`
	err := testutil.CollectAndCompare(c, strings.NewReader(want), "iomux_connections", "iomux_connections_opened_total",
		"iomux_connections_closed_total", "iomux_received_bytes_total", "iomux_sent_bytes_total")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// Every count is shown, and under a name of its own: one that reactor gains shows here.
func TestEveryCount(t *testing.T) {
	var s reactor.Stats
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(i + 1))
	}
	shown := map[uint64]string{s.Again: againName}
	show := func(n uint64, name string) {
		if other, taken := shown[n]; taken {
			t.Errorf("%s and %s show the same", name, other)
		}
		shown[n] = name
	}
	for _, m := range metrics {
		show(m.value(&s), m.name)
	}
	for _, call := range syscalls {
		show(call.value(&s), syscallsName+" "+call.call)
	}
	for i := range v.NumField() {
		if shown[uint64(i+1)] == "" {
			t.Errorf("Stats.%s is not shown", v.Type().Field(i).Name)
		}
	}
}

// Two groups may be in one registry when their labels tell them apart.
func TestRegister(t *testing.T) {
	leaktest.Check(t)
	a, listener := run(t)
	b, _ := run(t)
	labels := map[string]string{"server": "a"}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(New(a, labels)); err != nil {
		t.Fatal(err)
	}
	labels["server"] = "b" // the map is the caller's
	if err := registry.Register(New(b, labels)); err != nil {
		t.Fatal(err)
	}
	var already prometheus.AlreadyRegisteredError
	if err := registry.Register(New(b, labels)); !errors.As(err, &already) {
		t.Errorf("a second time: %v", err)
	}
	if err := registry.Register(New(b, map[string]string{"call": "x"})); err == nil {
		t.Error("a label that is taken was taken again")
	}
	talk(t, listener, 1)
	settled(t, a)
	n, err := testutil.GatherAndCount(registry)
	if want := 2 * (len(metrics) + len(syscalls) + 1); err != nil || n != want {
		t.Errorf("%d series and %v, want %d", n, err, want)
	}
}

// A group that has shut down is still shown.
func TestShutdown(t *testing.T) {
	leaktest.Check(t)
	group, listener := run(t)
	talk(t, listener, 2)
	if err := group.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP iomux_connections Connections that there are.
# TYPE iomux_connections gauge
iomux_connections 0
`
	if err := testutil.CollectAndCompare(New(group, nil), strings.NewReader(want), "iomux_connections"); err != nil {
		t.Error(err)
	}
}
