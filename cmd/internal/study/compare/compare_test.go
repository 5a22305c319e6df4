//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/cmd/internal/study/scenario"
	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

func cells(keys string) (list []cell) {
	for _, k := range strings.Fields(keys) {
		list = append(list, cell{key: k})
	}
	return list
}

// Calls with one key stand in one row, in everyone's own order.
func TestAlign(t *testing.T) {
	for _, c := range []struct {
		lists []string
		want  string
	}{
		{[]string{"a b", "a b"}, "a.a b.b"},
		{[]string{"a b c", "a c"}, "a.a b.- c.c"},
		{[]string{"a c", "a b c"}, "a.a -.b c.c"},
		{[]string{"", "a"}, "-.a"},
		{[]string{"a", ""}, "a.-"},
		{[]string{"a b", "b a"}, "a.- b.b -.a"},
		{[]string{"a c", "a b c", "a b d"}, "a.a.a -.b.b c.c.- -.-.d"},
		{[]string{"r r r", "r"}, "r.r r.- r.-"},
	} {
		var lists [][]cell
		for _, l := range c.lists {
			lists = append(lists, cells(l))
		}
		var got []string
		for _, r := range align(lists) {
			var texts []string
			for _, x := range r {
				if x == nil {
					texts = append(texts, "-")
				} else {
					texts = append(texts, x.key)
				}
			}
			got = append(got, strings.Join(texts, "."))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %s, want %s", c.lists, strings.Join(got, " "), c.want)
		}
	}
}

func TestDiffers(t *testing.T) {
	read := func(outcome string) *cell { return &cell{kind: reads, key: "read", outcome: outcome} }
	for _, c := range []struct {
		r    row
		want bool
	}{
		{row{read("4"), read("4")}, false},
		{row{read("4"), read("5")}, true},
		{row{read("4"), nil}, true},
		{row{nil, read("4")}, true},
		{row{{kind: watches, key: "watch", outcome: "0"}, {kind: checks, key: "watch", outcome: "0"}}, true},
		{row{{kind: waits, key: "wait", outcome: "conn 1", text: "epoll_pwait"}, {kind: waits, key: "wait", outcome: "conn 1", text: "ppoll"}}, false},
	} {
		if got := c.r.differs(); got != c.want {
			t.Errorf("%+v: %v", c.r, got)
		}
	}
}

func TestFit(t *testing.T) {
	for in, want := range map[string]string{"ab": "ab  ", "abcd": "abcd", "abcde": "abc…", "→→→→→": "→→→…", "": "    "} {
		if got := fit(in, 4); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// columns are real traces.
func columns(t *testing.T, name string) (list []Column) {
	t.Helper()
	sc, _ := scenario.Find(name)
	for _, b := range scenario.Names() {
		if scenario.Backend(b).Here() != nil {
			continue
		}
		c := Column{Backend: b}
		if err := scenario.Run(t.Context(), sc, scenario.Backend(b), func(r *trace.Record) { c.Records = append(c.Records, r) }); err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// What is said of the backends is true of the calls, and every call has its place.
func TestWrite(t *testing.T) {
	for _, sc := range scenario.Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			list := columns(t, sc.Name)
			var b bytes.Buffer
			if err := Write(&b, list); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			rows, _, _ := strings.Cut(text, "How many calls")
			arrows := strings.Count(rows, "→")
			want := 0
			for _, c := range list {
				for _, r := range c.Records {
					if r.Note == "" && !skipped(r) && strings.Contains(newCell(r).text, "→") && len([]rune(newCell(r).text)) < width {
						want++
					}
				}
			}
			if arrows < want {
				t.Errorf("%d calls with an answer, want %d:\n%s", arrows, want, rows)
			}
			for _, c := range list {
				if c.Backend == "poll" || c.Backend == "select" {
					if !strings.Contains(text, "- "+c.Backend+" remembers nothing:") {
						t.Errorf("nothing is said of %s", c.Backend)
					}
				}
			}
			if edge := strings.Contains(text, "epoll-edge is told of a change once, an end behind the bytes included, so it reads until EAGAIN"); edge != readsInVain(list) {
				t.Errorf("what is said of edges: %v", edge)
			}
			var said, notes []string
			for l := range strings.Lines(text) {
				if note, ok := strings.CutPrefix(l, "» "); ok {
					said = append(said, strings.TrimSuffix(note, "\n"))
				}
			}
			for _, r := range list[0].Records {
				if r.Note != "" {
					notes = append(notes, r.Note)
				}
			}
			if !slices.Equal(said, notes) {
				t.Errorf("the steps are %q, want %q", said, notes)
			}
		})
	}
}

// readsInVain reports whether the edge-triggered loop read in vain more often than the
// first one.
func readsInVain(list []Column) bool {
	more := 0
	for i, c := range list {
		for _, r := range c.Records {
			switch {
			case r.Op != sys.OpRead || r.Errno != syscall.EAGAIN || r.Depth > 0:
			case i == 0:
				more--
			case c.Backend == string(scenario.EpollEdge):
				more++
			}
		}
	}
	return more > 0
}

// madeUp are a few calls, with what is counted among them and what is not.
func madeUp() []Column {
	conn := trace.Ref{FD: 8, Kind: trace.Conn, Name: "conn 1"}
	waker := trace.Ref{FD: 4, Kind: trace.Waker, Name: "waker"}
	epoll := trace.Ref{FD: 3, Kind: trace.Epoll, Name: "epoll"}
	in := []trace.Ready{{Ref: conn, Bits: "IN"}}
	both := []trace.Ready{{Ref: waker, Bits: "IN"}, {Ref: conn, Bits: "IN"}}
	read := &trace.Record{Op: sys.OpRead, On: conn, Result: 4}
	return []Column{
		{Backend: "epoll", Records: []*trace.Record{
			{Note: "one"},
			{Op: "epoll_ctl", On: epoll, Verb: "ADD", Asked: in},
			{Op: "epoll_pwait", On: epoll, Wait: true, Size: 512, Result: 1, Found: in},
			{Op: "epoll_pwait", On: epoll, Wait: true, Size: 512, Result: -1, Errno: syscall.EINTR}, // not counted
			read,
			{Note: "two"},
			{Op: sys.OpClose, On: conn},
		}},
		{Backend: "poll", Records: []*trace.Record{
			{Note: "one"},
			{Op: sys.OpFcntl, On: conn, Args: "F_GETFD"},
			{Op: sys.OpPoll, On: trace.Ref{FD: -1}, Wait: true, Size: 2, Asked: both, Result: 1, Found: in},
			{Op: sys.OpRead, On: conn, Depth: 1, Result: 4}, // nor this
			read,
			{Note: "between"},
			{Op: sys.OpWrite, On: waker, Size: 8, Result: 8},
			{Op: sys.OpPoll, On: trace.Ref{FD: -1}, Wait: true, Size: 2, Asked: both, Result: 1, Found: both[:1]},
			{Op: sys.OpRead, On: waker, Result: 8},
			{Note: "two"},
			{Op: sys.OpRead, On: conn, Result: -1, Errno: syscall.EAGAIN},
			{Op: sys.OpWrite, On: conn, Size: 4, Result: 4},
			{Op: sys.OpAccept, On: trace.Ref{FD: 5, Kind: trace.Listener, Name: "listener"}, Result: -1, Errno: syscall.EAGAIN},
			{Op: sys.OpSocket, On: trace.Ref{FD: -1}, Result: 9},
			{Op: sys.OpClose, On: conn},
		}},
	}
}

// The figures are those of the calls, and a step that one backend lacks shifts no other.
func TestMadeUp(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, madeUp()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	const want = `How many calls

                               epoll        poll
≠ waits                            1           2
≠ changes of the table             1           0
≠ checks of a number               0           1
≠ accepts                          0           1
≠ reads                            1           2
≠ writes                           0           1
≠ wake-ups                         0           2
  closes                           1           1
≠ others                           0           1
≠ all                              4          11
≠ entries passed                   0           4
`
	_, counted, _ := strings.Cut(text, "How many calls")
	counted, _, _ = strings.Cut(counted, "\nWhat differs")
	if got := "How many calls" + counted; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	steps := strings.Split(text, "\n» ")
	if len(steps) != 4 || !strings.HasPrefix(steps[2], "between\n") || !strings.HasPrefix(steps[3], "two\n") {
		t.Fatalf("%d steps:\n%s", len(steps), text)
	}
	closes := regexp.MustCompile(`(?m)^  close conn 1 → 0 +close conn 1 → 0$`)
	if !closes.MatchString(steps[3]) || closes.MatchString(steps[2]) {
		t.Errorf("the closes are not beside each other:\n%s", text)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteFails(t *testing.T) {
	if err := Write(broken{}, columns(t, "ping-pong")); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
