//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package experiment

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

func transcript(t *testing.T, r Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Each experiment observes what it should, twice in the same words, and leaves nothing
// behind.
func TestExperiments(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			leaktest.Check(t)
			first, err := e.Run()
			if err != nil {
				t.Fatalf("%v\n%s", err, transcript(t, first))
			}
			if first.Observed != e.Expects || first.Observed == "" {
				t.Errorf("observed %q", first.Observed)
			}
			for _, s := range first.Steps {
				if len(s.Lines) == 0 && s.Text == "" {
					t.Error("a step without anything")
				}
			}
			second, err := e.Run()
			if err != nil {
				t.Fatal(err)
			}
			text, again := transcript(t, first), transcript(t, second)
			if text != again {
				t.Errorf("first\n%s\nthen\n%s", text, again)
			}
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(line); n > 160 || !strings.HasPrefix(line, "observed") && n > 116 {
					t.Errorf("%d characters: %s", n, line)
				}
			}
		})
	}
}

func TestNamesAreUnique(t *testing.T) {
	var names []string
	for _, e := range All() {
		names = append(names, e.Name)
		if found, ok := Find(e.Name); !ok || found.Shows != e.Shows {
			t.Errorf("Find(%q) = %q, %v", e.Name, found.Shows, ok)
		}
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) || n == 0 {
		t.Errorf("names %v", names)
	}
	if _, ok := Find("nothing of the kind"); ok {
		t.Error("found what is not there")
	}
}

// Another observation is an error, and what was written down is there nevertheless.
func TestUnexpected(t *testing.T) {
	e := Experiment{Name: "x", Expects: "this", run: func(l *lab) string {
		l.step("a step")
		return "that"
	}}
	r, err := e.Run()
	if !errors.Is(err, ErrUnexpected) || err.Error() != `x: not what was expected: want "this", observed "that"` {
		t.Errorf("got %v", err)
	}
	if len(r.Steps) != 1 || r.Observed != "that" || r.Expected != "this" {
		t.Errorf("got %+v", r)
	}
}

// A call that had to work ends the experiment, which cleans up, the last first.
func TestFailure(t *testing.T) {
	leaktest.Check(t)
	var order []string
	e := Experiment{Name: "x", run: func(l *lab) string {
		l.step("a step")
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
		l.must("open", err)
		l.own(fd, "f")
		l.later(func() { order = append(order, "first") })
		l.later(func() { order = append(order, "last") })
		l.must("break", unix.EBADF)
		return ""
	}}
	r, err := e.Run()
	if !errors.Is(err, unix.EBADF) || err.Error() != "x: break: bad file descriptor" {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(order, []string{"last", "first"}) || len(r.Steps) != 1 {
		t.Errorf("order %v, result %+v", order, r)
	}
}

// A clean-up that fails is an error of the experiment, and keeps none of the others from
// being made; nor does a bug of one.
func TestCleanUpFails(t *testing.T) {
	leaktest.Check(t)
	var order []string
	unclean := func(l *lab) {
		l.step("a step")
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
		l.must("open", err)
		l.own(fd, "f")
		l.later(func() { order = append(order, "first") })
		l.later(func() { l.must("undo", unix.EBADF) })
		l.later(func() { order = append(order, "last") })
		l.later(func() { panic("a bug") })
	}
	good := Experiment{Name: "x", Expects: "it", run: func(l *lab) string {
		unclean(l)
		return "it"
	}}
	r, err := good.Run()
	if !errors.Is(err, unix.EBADF) || !strings.HasPrefix(err.Error(), "x: clean-up: ") || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(order, []string{"last", "first"}) || r.Observed != "it" || len(r.Steps) != 1 {
		t.Errorf("order %v, result %+v", order, r)
	}
	order = nil
	bad := Experiment{Name: "x", run: func(l *lab) string {
		unclean(l)
		l.must("break", unix.EPIPE)
		return ""
	}}
	if _, err := bad.Run(); !errors.Is(err, unix.EPIPE) || !errors.Is(err, unix.EBADF) || !slices.Equal(order, []string{"last", "first"}) {
		t.Errorf("got %v, order %v", err, order)
	}
}

// A bug of an experiment is not taken for an answer of the kernel's.
func TestPanicsGoOn(t *testing.T) {
	defer func() {
		if got := recover(); got != "a bug" {
			t.Errorf("recovered %v", got)
		}
	}()
	_, _ = Experiment{run: func(*lab) string { panic("a bug") }}.Run()
}

func TestPrint(t *testing.T) {
	r := Result{Name: "x", Shows: "something", Observed: "it", Steps: []Step{
		{Text: "one", Lines: []Line{{"read(a)", "5"}, {"a remark", ""}, {"é(a)", "-1 EAGAIN"}}},
		{Text: "two", Lines: []Line{{strings.Repeat("x", 70), "0"}}},
	}}
	want := "x: something\n\n 1. one\n      read(a) = 5\n      a remark\n      é(a)    = -1 EAGAIN\n\n 2. two\n      " +
		strings.Repeat("x", 70) + " = 0\n\nobserved: it\n"
	if got := transcript(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var broken failing
	if err := r.Print(broken); !errors.Is(err, unix.EPIPE) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, unix.EPIPE }
