package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// liner is a role: a socketserver that answers a line with its length and itself, on one
// loop. Its arguments are the mode and, if a request is to begin with its input,
// "input". It says where it listens, and for each line of its input how it is.
func liner(args []string) int {
	s, err := socketserver.NewTCP("127.0.0.1:0", socketserver.HandlerFunc(func(r *socketserver.Request) error {
		line, err := r.ReadLine()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(r, "%d %s", len(line), line)
		return err
	}), socketserver.Options{
		Mode:       socketserver.Mode(args[0]),
		OnInput:    len(args) > 1,
		MaxThreads: 20_000,
		Reactor:    reactor.Options{Loops: 1},
	})
	if err != nil {
		return complain(err)
	}
	fmt.Println(s.Addr())
	done := make(chan error, 1)
	go func() { done <- s.ServeForever(context.Background()) }()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		report := linerReport{Goroutines: runtime.NumGoroutine(), Stats: s.Stats()}
		if report.Resident, err = resident(); err != nil {
			return complain(err)
		}
		text, err := json.Marshal(report)
		if err != nil {
			return complain(err)
		}
		fmt.Printf("%s\n", text)
	}
	if err := errors.Join(s.Shutdown(context.Background()), <-done, s.Close()); err != nil {
		return complain(err)
	}
	return 0
}

// linerReport is what a liner says of itself.
type linerReport struct {
	Goroutines, Resident int
	Stats                reactor.Stats
}

func (p *process) lines() (r linerReport) {
	p.t.Helper()
	p.tell("")
	if err := json.NewDecoder(strings.NewReader(p.line())).Decode(&r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// Ten thousand clients that send a line each, in pieces and as slowly as they like, are
// all served by one loop: while one is in the middle of its line it has a coroutine,
// and before that it has none.
func TestTenThousandSlowLines(t *testing.T) {
	slowLines(t, 10_000, "loop", "input")
}

// The same with a goroutine for each, to compare.
func TestSlowLinesWithThreads(t *testing.T) {
	slowLines(t, 2_000, "thread")
}

func slowLines(t *testing.T, clients int, args ...string) {
	t.Helper()
	room(t, uint64(clients))
	p := startRole(t, nil, "liner", args...)
	at, err := netip.ParseAddrPort(p.line())
	if err != nil {
		t.Fatal(err)
	}
	before := p.lines()
	list := make([]bare, clients)
	for i := range list {
		if list[i], err = bareDial(at); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(list[i].close)
	}
	await(t, "all are connected", func() bool { return int(p.lines().Stats.Conns) == clients })
	const few = 5 // goroutines of the runtime
	loop := args[0] == "loop"
	silent := p.lines()
	if n := silent.Goroutines - before.Goroutines; loop && n > few {
		t.Errorf("%d goroutines for %d clients that are silent", n, clients)
	}
	each := func(what string, of func(i int) string) {
		t.Helper()
		for i, c := range list {
			if _, err := io.WriteString(c, of(i)); err != nil {
				t.Fatalf("%s, client %d: %v", what, i, err)
			}
		}
	}
	line := func(i int) string { return fmt.Sprintf("this is the line of client %d\n", i) }
	each("first half", func(i int) string { return line(i)[:15] })
	await(t, "all are read", func() bool { return int(p.lines().Stats.BytesIn) == 15*clients })
	middle := p.lines()
	if n := middle.Goroutines - before.Goroutines; n < clients || n > clients+few {
		t.Errorf("%d goroutines for %d clients in the middle of a line", n, clients)
	}
	t.Logf("bytes a client: %d silent, %d in the middle of a line", (silent.Resident-before.Resident)/clients, (middle.Resident-before.Resident)/clients)
	each("third quarter", func(i int) string { return line(i)[15:20] })
	each("the rest", func(i int) string { return line(i)[20:] })
	for i, c := range list {
		got, err := io.ReadAll(c)
		if want := fmt.Sprintf("%d %s", len(line(i)), line(i)); err != nil || string(got) != want {
			t.Fatalf("client %d got %q, %v; want %q", i, got, err, want)
		}
		c.close()
	}
	const kept = 64 // idle strands of the loop
	await(t, "all have gone", func() bool {
		r := p.lines()
		return r.Stats.Conns == 0 && r.Goroutines <= before.Goroutines+kept+few
	})
	p.end()
}
