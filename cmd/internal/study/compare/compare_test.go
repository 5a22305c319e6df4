//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/iomux/cmd/internal/study/scenario"
	"example.com/iomux/cmd/internal/study/trace"
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
			if edge := strings.Contains(text, "epoll-edge is told of a change once, so it reads until EAGAIN"); edge != strings.Contains("ping-pong two-clients slow-reader burst reset timer", sc.Name) && strings.Contains(text, "epoll-edge  ") {
				t.Errorf("what is said of edges: %v", edge)
			}
			if n := strings.Count(text, "\n»"); n != strings.Count(fmt.Sprint(text), "\n» ") || n < 4 {
				t.Errorf("%d steps", n)
			}
		})
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
