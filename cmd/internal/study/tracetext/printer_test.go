//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package tracetext

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// records are a note, a read, one that a signal ended, and a call of a simulation.
func records() []*trace.Record {
	conn := trace.Ref{FD: 8, Kind: trace.Conn, Name: "conn 1"}
	return []*trace.Record{
		{Note: "client 1 sends"},
		{
			Op: sys.OpRead, On: conn, Args: "10", Size: 10, Result: 4, At: 1234567, Took: 2500, Loop: 2, Turn: 1,
			Phase: trace.Dispatch, Ready: "IN",
		},
		{Op: sys.OpRead, On: conn, Args: "10", Size: 10, Result: -1, Errno: syscall.EINTR, Loop: 2, Phase: trace.Dispatch},
		{Op: sys.OpRead, On: conn, Args: "10", Size: 10, Result: 4, Depth: 1, Phase: trace.Waiting, Took: 3 * time.Second},
	}
}

// printed is what a printer makes of the records; set chooses how.
func printed(t *testing.T, set func(*Printer)) []string {
	t.Helper()
	var b bytes.Buffer
	p := New(&b)
	set(p)
	p.Head()
	for _, r := range records() {
		p.Record(r)
	}
	p.Text("that was all")
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range strings.Split(b.String(), "\n") {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	return lines
}

func TestLines(t *testing.T) {
	const why = "The wait said that conn 1 is readable. Fewer bytes than the buffer holds: the socket is empty, and no second read is needed."
	for _, c := range []struct {
		name string
		set  func(*Printer)
		want []string // the beginnings
	}{
		{"times", func(*Printer) {}, []string{
			"began took phase call = result why, and what the answer means", "", "» client 1 sends",
			"1.235ms 2.5µs dispatch read(8<conn 1>, 10) = 4 " + why, "0.000ms 0.0µs dispatch read(8<conn 1>, 10) = -1 EINTR A signal",
			"0.000ms 3.00s wait └ read(8<conn 1>, 10) = 4 (simulation)", "that was all", "",
		}},
		{"loops", func(p *Printer) { p.Loops = true }, []string{
			"began took who phase call = result", "", "» client 1 sends", "1.235ms 2.5µs loop 2 dispatch read(8<conn 1>, 10) = 4",
			"0.000ms 0.0µs loop 2 dispatch", "0.000ms 3.00s - wait └ read", "that was all", "",
		}},
		{"stable", func(p *Printer) { p.Stable = true }, []string{
			"phase call = result why, and", "", "» client 1 sends", "dispatch read(<conn 1>, 10) = 4 " + why, "that was all", "",
		}},
	} {
		got := printed(t, c.set)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", c.name, got)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: %q, want %q", c.name, got[i], want)
			}
		}
	}
}

// A length of time has the unit that suits it.
func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0µs", 2500: "2.5µs", 999900: "999.9µs", 2500 * time.Microsecond: "2.50ms", 3 * time.Second: "3.00s", 61 * time.Second: "61.00s",
	} {
		if got := took(d); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

type broken struct{ left int }

var errBroken = errors.New("broken")

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// What could not be written is not forgotten, though Flush is called again.
func TestWriteFails(t *testing.T) {
	p := New(&broken{left: 100})
	p.Head()
	if err := p.Flush(); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if err := p.Flush(); !errors.Is(err, errBroken) {
		t.Errorf("the second time: %v", err)
	}
}
