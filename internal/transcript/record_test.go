package transcript

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/internal/leaktest"
)

// record makes a script of a server's answers, and plays it.
func record(t *testing.T, network, address, text string) string {
	t.Helper()
	made, err := Record(network, address, script(t, text))
	if err != nil {
		t.Fatal(err)
	}
	Play(t, network, address, made)
	return made.String()
}

func TestRecordStream(t *testing.T) {
	leaktest.Check(t)
	const stamp = "Fri Nov  6 16:16:56 2026"
	address := serve(t, "tcp", func(c half) {
		fmt.Fprintf(c, "%s %s to %s at %s, not Mon%s, 5: ", c.LocalAddr(), c.LocalAddr(), c.RemoteAddr(), stamp, stamp[3:])
		buf := make([]byte, 100)
		for {
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) == "quit" {
				return
			}
			c.Write(buf[:n])
		}
	})
	const greeting = `A< "<SERVER-HOST>:<SERVER-PORT> <SERVER-HOST>:<SERVER-PORT> to <HOST>:<PORT> at <CTIME>, not Mon Nov  6 16:16:56 2026, 5: "` + "\n"
	for _, r := range []struct{ before, after string }{
		// What agrees stays, as it is cut and with its placeholders.
		{"# why\n\n" + strings.Replace(greeting, "5: ", "<N>: ", 1) + "A> \"x\"\nA< hex:78\nA> \"quit\"\nA< EOF\n", ""},
		// What does not is replaced by what arrived.
		{"A< \"?\"\nA> \"one\"\n# why\nA< \"?\"\nA> EOF\nA< EOF\n", greeting + "A> \"one\"\n# why\nA< \"one\"\nA> EOF\nA< EOF\n"},
		{greeting + "A> \"one\"\nA< \"on\"\nA< \"?\"\nA> EOF\nA< EOF\n", greeting + "A> \"one\"\nA< \"on\"\nA< \"e\"\nA> EOF\nA< EOF\n"},
		// What was not expected is there, and what was is gone.
		{greeting + "A> \"one\"\nA> EOF\nA< EOF\n", greeting + "A> \"one\"\nA> EOF\nA< \"one\"\nA< EOF\n"},
		{greeting + "A> \"quit\"\nA< \"bye\"\nA> \"more\"\nA< \"more\"\nA< EOF\n", greeting + "A> \"quit\"\nA< EOF\n"},
		{greeting + "A> \"one\"\nA> EOF\nA< \"one two\"\nA< EOF\n", greeting + "A> \"one\"\nA> EOF\nA< \"one\"\nA< EOF\n"},
		// An end that the author forgot.
		{"A> EOF\n", "A> EOF\n" + greeting + "A< EOF\n"},
	} {
		want := r.after
		if want == "" {
			want = r.before
		}
		if got := record(t, "tcp", address, r.before); got != want {
			t.Errorf("of:\n%sgot:\n%swant:\n%s", r.before, got, want)
		}
	}
}

func TestRecordWithoutAddresses(t *testing.T) {
	leaktest.Check(t)
	address := serve(t, "unix", says(":", "Fri Nov  6 16:16:56 2026"))
	if got, want := record(t, "unix", address, "> EOF\n< EOF\n"), "> EOF\n< \":<CTIME>\"\n< EOF\n"; strings.ReplaceAll(got, "\"\n< \"", "") != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestRecordDatagrams(t *testing.T) {
	leaktest.Check(t)
	for _, network := range []string{"udp", "unixgram"} {
		address := servePackets(t, network, func(p string) []string { return strings.Split(strings.ToUpper(p), ",") })
		got := record(t, network, address, "> \"a,,b\"\n< \"A\"\n< \"?\"\n< EMPTY\n> EMPTY\n< \"?\"\n> \"c\"\n< \"C\"\n")
		if want := "> \"a,,b\"\n< \"A\"\n< EMPTY\n< \"B\"\n> EMPTY\n< EMPTY\n> \"c\"\n< \"C\"\n"; got != want {
			t.Errorf("got:\n%swant:\n%s", got, want)
		}
	}
}

func TestRecordFails(t *testing.T) {
	leaktest.Check(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := ln.Addr().String()
	ln.Close()
	reset := serve(t, "tcp", func(c half) { c.Read(make([]byte, 1)); c.(*net.TCPConn).SetLinger(0) })
	for _, r := range []struct {
		network, address, text string
		want                   string
		is                     error
	}{
		{"ip", free, "< EOF\n", "unknown network ip", nil},
		{"tcp", free, "\n< EOF\n", "x.wire:2: dial tcp", syscall.ECONNREFUSED},
		{"tcp", reset, "> \"x\"\n< \"x\"\n< EOF\n", "x.wire:2: read tcp", syscall.ECONNRESET},
		{"tcp", reset, "> \"x\"\n< EOF\n", "x.wire:2: read tcp", syscall.ECONNRESET},
		{"tcp", reset, "A> \"x\"\n", "x.wire: connection \"A\": read tcp", syscall.ECONNRESET},
		{"udp", free, "> EOF\n", "x.wire:1: datagrams have no such line", nil},
	} {
		made, err := Record(r.network, r.address, script(t, r.text))
		if err == nil || !strings.Contains(err.Error(), r.want) || r.is != nil && !errors.Is(err, r.is) {
			t.Errorf("%s: got %v, %v, want %q", r.text, made, err, r.want)
		}
	}
}

// A server that falls silent makes the line go, and the rest is recorded.
func TestRecordSilence(t *testing.T) {
	leaktest.Check(t)
	address := serve(t, "tcp", func(c half) { io.WriteString(c, "one"); silent(c) })
	s := script(t, "< \"one\"\n< \"two\"\n> \"x\"\n< \"y\"\n> EOF\n< EOF\n")
	made, err := recordWithin("tcp", address, s, 500_000_000)
	if want := "< \"one\"\n> \"x\"\n> EOF\n< EOF\n"; err != nil || made.String() != want {
		t.Errorf("got:\n%v, %v\nwant:\n%s", made, err, want)
	}
}
