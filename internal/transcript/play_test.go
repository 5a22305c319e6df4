package transcript

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

var streams = []string{"tcp", "tcp6", "unix", "unixpacket"}

// A server that answers as the script says passes, however its answers are cut.
func TestStreams(t *testing.T) {
	leaktest.Check(t)
	for _, network := range streams {
		t.Run(network, func(t *testing.T) {
			address := serve(t, network, echoes)
			play := func(text string) {
				t.Helper()
				Play(t, network, address, script(t, text))
			}
			play("> \"one\"\n< \"one\"\n> EOF\n< EOF\n")
			play("> EOF\n< EOF\n")
			play("A> CONNECT\nB> \"b\"\nA> \"a\"\nA< \"a\"\nB< \"b\"\nB> EOF\nB< EOF\nA> EOF\nA< EOF\n")
			play("> \"12 34 \"\n< \"<N:a> <N:a+22> \"\n> EOF\n< EOF\n")
			large := strings.Repeat("x", 20_000)
			play(fmt.Sprintf("> %q\n< \"x\"\n< %q\n> EOF\n< EOF\n", large, large[1:]))
			if network != "unixpacket" { // what is written twice is two packets there
				play("> \"one\"\n> hex:00ff0a\n< \"o\"\n< \"ne\\x00\"\n< hex:ff0a\n> EOF\n< EOF\n")
			}
		})
	}
}

func TestPiecesDoNotMatter(t *testing.T) {
	leaktest.Check(t)
	s := script(t, "< \"hello \"\n< \"[<CTIME>] <N:a>.\"\n< \"<N:a>\\n\"\n< EOF\n")
	const said = "hello [Fri Nov  6 16:16:56 2026] 17.17\n"
	Play(t, "tcp", serve(t, "tcp", says(said)), s)
	var bytes []string
	for _, c := range said {
		bytes = append(bytes, string(c))
	}
	Play(t, "tcp", serve(t, "tcp", says(bytes...)), s)
}

func TestDatagrams(t *testing.T) {
	leaktest.Check(t)
	for _, network := range []string{"udp", "udp6", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			address := servePackets(t, network, func(p string) []string {
				if p == "quiet" {
					return nil
				}
				return strings.Split(p, ",") // one answer for nothing, too
			})
			play := func(text string) {
				t.Helper()
				Play(t, network, address, script(t, text))
			}
			play("> \"one\"\n< \"one\"\n")
			play("A> \"a\"\nB> \"b\"\nB< \"b\"\nA< \"a\"\n")
			play("> \"a,b,,c\"\n< \"a\"\n< \"b\"\n< EMPTY\n< \"c\"\n")
			play("> EMPTY\n< EMPTY\n")
			play("> \"quiet\"\n< NOTHING\n> \"x\"\n< \"x\"\n")
			large := strings.Repeat("x", 8192)
			play(fmt.Sprintf("> %q\n< %q\n", large, large))
		})
	}
}

// A client of unixgram has a socket file while it plays, and only then.
func TestNoFileStays(t *testing.T) {
	leaktest.Check(t)
	dir, err := os.MkdirTemp("", "wire") // a short name, as sockets need it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	files := make(chan []string, 1)
	address := servePackets(t, "unixgram", func(p string) []string {
		list, _ := filepath.Glob(dir + "/*/*")
		files <- list
		return []string{p}
	})
	t.Setenv("TMPDIR", dir)
	s := script(t, "> \"x\"\n< \"x\"\n")
	Play(t, "unixgram", address, s)
	if list := <-files; len(list) != 1 {
		t.Errorf("while it played there were the files %q", list)
	}
	if err := play("unixgram", dir+"/nobody", s, patience); err == nil {
		t.Error("played with nobody")
	}
	if list, err := os.ReadDir(dir); len(list) > 0 || err != nil {
		t.Errorf("there still is %v, %v", list, err)
	}
}

// The client's address is what the server sees; the server's is what was dialled.
func TestAddresses(t *testing.T) {
	leaktest.Check(t)
	for _, network := range []string{"tcp", "tcp6"} {
		address := serve(t, network, func(c half) {
			host, port, _ := net.SplitHostPort(c.RemoteAddr().String())
			own, at, _ := net.SplitHostPort(c.LocalAddr().String())
			says(host, " ", port, " ", own, " ", at)(c)
		})
		Play(t, network, address, script(t, "A< \"<HOST> <PORT> <SERVER-HOST> <SERVER-PORT>\"\nA< EOF\nB< \"<HOST> <PORT> \"\nB< \"<SERVER-HOST> <SERVER-PORT>\"\nB< EOF\n"))
	}
}

// A receiver in a group gets the group's datagrams, and answers from its own address.
func TestGroupOfReceivers(t *testing.T) {
	leaktest.Check(t)
	lo := loopback(t)
	c, err := net.ListenMulticastUDP("udp4", lo, &net.UDPAddr{IP: net.IPv4(224, 3, 29, 71)})
	if err != nil {
		t.Skip("no multicast here:", err)
	}
	defer c.Close()
	go func() {
		var buf [100]byte
		for {
			n, from, err := c.ReadFromUDP(buf[:])
			if err != nil {
				return
			}
			c.WriteToUDP(buf[:n], from)
		}
	}()
	port := c.LocalAddr().(*net.UDPAddr).Port
	Play(t, "udp", fmt.Sprintf("224.3.29.71:%d", port), script(t, "A> \"x\"\nA< \"x\"\nB> \"y\"\nB< \"y\"\n"))
}

func loopback(t *testing.T) *net.Interface {
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 {
			return &i
		}
	}
	t.Skip("there is no loopback interface")
	return nil
}

// Differences of streams, and what is said of them.
func TestDifferences(t *testing.T) {
	leaktest.Check(t)
	long := strings.Repeat("x", 1000)
	over := make(chan struct{})
	defer close(over) // before the servers are waited for
	for _, d := range []struct {
		name   string
		handle func(c half)
		text   string
		want   string
		is     error
	}{
		{"another byte", says("help"), "\n< \"hello\"\n< EOF\n",
			"x.wire:2: the server's answer\n\twant \"hello\"\n\tgot  \"help\", which differs at byte 4", nil},
		{"named", says("help"), "A< \"hello\"\nA< EOF\n",
			"x.wire:1: the server's answer to A\n\twant \"hello\"\n\tgot  \"help\", which differs at byte 4", nil},
		{"too little", says("hel"), "< \"hello\"\n< EOF\n",
			"x.wire:1: the server's answer\n\twant \"hello\"\n\tgot  \"hel\", then EOF", io.EOF},
		{"only the end", says(), "< \"hello\"\n< EOF\n",
			"x.wire:1: the server's answer\n\twant \"hello\"\n\tgot  EOF", io.EOF},
		{"too much", says("hello"), "< \"hell\"\n< EOF\n",
			"x.wire:2: the server's answer\n\twant EOF\n\tgot  \"o\", which differs at byte 1", nil},
		{"hex", says("\x00\x01"), "< hex:0002\n< EOF\n",
			"x.wire:1: the server's answer\n\twant hex:0002\n\tgot  \"\\x00\\x01\", which differs at byte 2", nil},
		{"a time that is none", says("[Mon Nov 20 16:16:56 2026]"), "< \"[<CTIME>]\"\n< EOF\n",
			"x.wire:1: the server's answer\n\twant \"[<CTIME>]\"\n\tgot  \"[Mon Nov 20 16:16:56 2026]\", which differs at byte 25", nil},
		{"another number", says("7.8."), "< \"<PID:a>.\"\n< \"<PID:a>.\"\n< EOF\n",
			"x.wire:2: the server's answer\n\twant \"<PID:a>.\"\n\tgot  \"8.\", which differs at byte 1", nil},
		{"much", says(long + "y" + long), "< \"" + long + "x\"\n< EOF\n",
			"want \"" + long[:maxShown-1] + "…\n\tgot  2001 bytes, from byte 801 on \"" + long[:200] + "y" + long[:199] + "\", which differs at byte 1001", nil},
		{"something for NOTHING", echoes, "> \"x\"\n< NOTHING\n> \"y\"\n< \"y\"\n> EOF\n< EOF\n",
			"x.wire:4: the server's answer\n\twant \"y\"\n\tgot  \"x", nil},
		{"no longer NOTHING", echoes, "< NOTHING\n> \"x\"\n< \"x\"\n> EOF\n< \"y\"\n< EOF\n",
			"x.wire:5: the server's answer\n\twant \"y\"\n\tgot  EOF", io.EOF},
		{"reset", func(c half) { c.Read(make([]byte, 1)); c.(*net.TCPConn).SetLinger(0) }, "> \"x\"\n< EOF\n",
			"x.wire:2: the server's answer\n\twant EOF\n\tgot  read tcp", syscall.ECONNRESET},
		{"silence", silent, "A> \"x\"\nA< \"x\"\nA< EOF\n",
			"x.wire:2: the server's answer to A\n\twant \"x\"\n\tgot  nothing for 500ms", nil},
		{"a sudden silence", func(c half) { io.WriteString(c, "he"); io.Copy(io.Discard, c) }, "A< \"hello\"\nA< EOF\n",
			"x.wire:1: the server's answer to A\n\twant \"hello\"\n\tgot  \"he\", then nothing for 500ms", nil},
		{"no end", silent, "< EOF\n",
			"x.wire:1: the server's answer\n\twant EOF\n\tgot  nothing for 500ms", nil},
		{"not read", func(half) { <-over }, "> \"" + strings.Repeat("x", 16<<20) + "\"\n< EOF\n",
			"x.wire:1: write tcp", os.ErrDeadlineExceeded},
	} {
		address := serve(t, "tcp", d.handle)
		t.Run(d.name, func(t *testing.T) {
			limit := patience
			if strings.Contains(d.want, "500ms") || d.name == "not read" {
				limit = 500 * time.Millisecond
			}
			err := play("tcp", address, script(t, d.text), limit)
			if err == nil || !strings.Contains(err.Error(), d.want) {
				t.Fatalf("got:\n%v\nwant:\n%s", err, d.want)
			}
			if note := "\n\tNOTHING, as line 2 wants, would have been before it"; strings.Contains(err.Error(), "NOTHING") != (d.name == "something for NOTHING") ||
				d.name == "something for NOTHING" && !strings.HasSuffix(err.Error(), note) {
				t.Errorf("of NOTHING it says %v", err)
			}
			if d.is != nil && !errors.Is(err, d.is) {
				t.Errorf("%v is not %v", err, d.is)
			}
		})
	}
}

func TestDifferencesOfDatagrams(t *testing.T) {
	leaktest.Check(t)
	address := servePackets(t, "udp", func(p string) []string { return strings.Split(p, ",") })
	for _, d := range []struct{ text, want string }{
		{"> \"help\"\n< \"hello\"\n", "x.wire:2: the server's answer\n\twant \"hello\"\n\tgot  \"help\", which differs at byte 4"},
		{"> \"hell\"\n< \"hello\"\n", "x.wire:2: the server's answer\n\twant \"hello\"\n\tgot  \"hell\", which differs at byte 5"},
		{"> \"hello\"\n< \"hell\"\n", "x.wire:2: the server's answer\n\twant \"hell\"\n\tgot  \"hello\", which differs at byte 5"},
		{"> EMPTY\n< \"hello\"\n", "x.wire:2: the server's answer\n\twant \"hello\"\n\tgot  EMPTY, which differs at byte 1"},
		{"> \"hello\"\n< EMPTY\n", "x.wire:2: the server's answer\n\twant EMPTY\n\tgot  \"hello\", which differs at byte 1"},
		{"A> \"x\"\nA< NOTHING\nA> \"y\"\nA< \"y\"\n", "x.wire:4: the server's answer to A\n\twant \"y\"\n\tgot  \"x\", which differs at byte 1\n\tNOTHING, as line 2 wants, would have been before it"},
		{"> \"x,\"\n< \"x\"\n< NOTHING\n> \"y\"\n< \"y\"\n", "x.wire:5: the server's answer\n\twant \"y\"\n\tgot  EMPTY, which differs at byte 1\n\tNOTHING, as line 3 wants, would have been before it"},
	} {
		if err := play("udp", address, script(t, d.text), patience); err == nil || err.Error() != d.want {
			t.Errorf("got:\n%v\nwant:\n%s", err, d.want)
		}
	}
}

// What cannot be played at all.
func TestRefusals(t *testing.T) {
	leaktest.Check(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := ln.Addr().String()
	ln.Close()
	stream := script(t, "> EOF\n< EOF\n")
	for _, r := range []struct {
		network, address string
		script           *Script
		want             string
		is               error
	}{
		{"ip", "127.0.0.1", stream, "unknown network ip", nil},
		{"tcp", free, stream, "x.wire:1: dial tcp " + free, syscall.ECONNREFUSED},
		{"udp", free, stream, "x.wire:1: datagrams have no such line", nil},
		{"tcp", free, script(t, "> EMPTY\n"), "x.wire:1: EMPTY is a datagram", nil},
		{"tcp", free, script(t, "> \"x\"\n< \"x\"\n"), "x.wire:2: the last line of a connection of streams is < EOF", nil},
		{"udp", free, script(t, "> \"x\"\n< \"x\"\n"), "got  read udp", syscall.ECONNREFUSED},
		{"udp", "nowhere", stream, "datagrams have no such line", nil},
		{"udp", "nowhere", script(t, "> \"x\"\n"), "missing port", nil},
		{"unixgram", t.TempDir() + "/s", script(t, "> \"x\"\n"), "x.wire:1: dial unixgram", syscall.ENOENT},
	} {
		err := play(r.network, r.address, r.script, patience)
		if err == nil || !strings.Contains(err.Error(), r.want) || r.is != nil && !errors.Is(err, r.is) {
			t.Errorf("%s %s: got %v, want %q", r.network, r.address, err, r.want)
		}
	}
	address := serve(t, "unix", says("x"))
	if err := play("unix", address, script(t, "< \"<HOST>\"\n< EOF\n"), patience); err == nil || !strings.Contains(err.Error(), "<HOST>: such a connection has none") {
		t.Errorf("got %v", err)
	}
}

// judged is a test that hears what Play and Load think of it.
type judged struct {
	testing.TB
	verdict string
}

func (*judged) Helper() {}

func (j *judged) Error(args ...any) { j.verdict = "error: " + fmt.Sprint(args...) }

func (j *judged) Skip(args ...any) { j.verdict = "skip: " + fmt.Sprint(args...) }

func (j *judged) Fatal(args ...any) {
	j.verdict = "fatal: " + fmt.Sprint(args...)
	panic(j)
}

func TestPlayFailsTheTest(t *testing.T) {
	leaktest.Check(t)
	j := &judged{TB: t}
	Play(j, "tcp", serve(t, "tcp", says("a")), script(t, "< \"b\"\n< EOF\n"))
	if !strings.HasPrefix(j.verdict, "error: x.wire:1: ") {
		t.Errorf("got %q", j.verdict)
	}
	j.verdict = ""
	Play(j, "tcp", serve(t, "tcp", says("b")), script(t, "< \"b\"\n< EOF\n"))
	if j.verdict != "" {
		t.Errorf("got %q", j.verdict)
	}
}

func TestLoadFailsTheTest(t *testing.T) {
	bad := t.TempDir() + "/bad.wire"
	if err := os.WriteFile(bad, []byte("# why\nfoo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{bad: "fatal: " + bad + ":2: no line", bad + "x": "fatal: open " + bad} {
		j := &judged{TB: t}
		func() {
			defer func() { _ = recover() }()
			Load(j, name)
		}()
		if !strings.HasPrefix(j.verdict, want) {
			t.Errorf("got %q, want %q", j.verdict, want)
		}
	}
}
