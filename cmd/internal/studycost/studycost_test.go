//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
)

func TestPoints(t *testing.T) {
	o := Options{Backends: []iomux.Backend{iomux.Poll}, Max: 150}
	want := []Point{{iomux.Poll, 10, 1}, {iomux.Poll, 30, 1}, {iomux.Poll, 100, 1}, {iomux.Poll, 150, 1}, {iomux.Poll, 150, 10}, {iomux.Poll, 150, 100}}
	if got := o.points(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	o = Options{Backends: []iomux.Backend{iomux.Epoll, iomux.Poll, iomux.Select}, Max: 20000}
	points := o.points()
	if len(points) != 3*(8+3) {
		t.Errorf("got %d points", len(points))
	}
	for _, p := range points {
		if p.Active > 1 && p.Watched != someWatched || p.Active > p.Watched {
			t.Errorf("got %+v", p)
		}
	}
	for _, n := range publishedCounts {
		if !slices.Contains(points, Point{iomux.Epoll, n, 1}) {
			t.Errorf("TLPI has %d descriptors, and they are not measured", n)
		}
	}
}

// All that was asked for is measured, on every backend there is, and ends by itself.
func TestMeasure(t *testing.T) {
	leaktest.Check(t)
	o := Options{Backends: iomux.Backends(), Max: 40, Time: 100 * time.Millisecond}
	steps, seen := 0, map[Point]bool{}
	list, err := Measure(t.Context(), o, func(done, all int, p Point) {
		steps++
		seen[p] = true
		if done >= all || !slices.Contains(o.points(), p) {
			t.Errorf("%d of %d: %+v", done, all, p)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(o.points()) || len(seen) != len(list) || steps < len(list) {
		t.Errorf("%d samples, %d points seen in %d steps, of %d", len(list), len(seen), steps, len(o.points()))
	}
	for i, s := range list {
		if s.Point != o.points()[i] || s.Why != nil || s.Waits < leastRounds*leastWaits || s.Waits > Waits || s.Seconds < 0 || math.IsInf(s.Seconds, 0) {
			t.Errorf("got %+v", s)
		}
	}
}

func TestMeasureIsInterrupted(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := Options{Backends: iomux.Backends()[:1], Max: 30, Time: time.Hour}
	list, err := Measure(ctx, o, func(done, _ int, _ Point) {
		if done == 1 {
			cancel()
		}
	})
	if err != nil || len(list) != 1 || list[0].Waits == 0 {
		t.Errorf("got %+v, %v", list, err)
	}
}

// A backend that is not there is told of, and does not end the rest.
func TestMeasureWithoutABackend(t *testing.T) {
	leaktest.Check(t)
	o := Options{Backends: []iomux.Backend{"smoke", iomux.Poll}, Max: 10, Time: time.Millisecond}
	list, err := Measure(t.Context(), o, func(int, int, Point) {})
	if err != nil || len(list) != 4 {
		t.Fatalf("got %+v, %v", list, err)
	}
	for _, s := range list {
		if lacks := errors.Is(s.Why, errors.ErrUnsupported); lacks != (s.Backend == "smoke") || lacks != (s.Waits == 0) {
			t.Errorf("got %+v", s)
		}
	}
	var b strings.Builder
	if err := Table(&b, list); err != nil || !strings.Contains(b.String(), "Not measured: smoke, 10 watched, 1 active: ") {
		t.Errorf("%v, got\n%s", err, b.String())
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		rounds []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{1e6, 4, 3, 5, 1}, 4}, {[]float64{4, 1, 3, 2}, 3},
	} {
		if got := median(slices.Clone(c.rounds)); got != c.want {
			t.Errorf("of %v it is %v, want %v", c.rounds, got, c.want)
		}
	}
}

// watcher is a poller that writes down which of the sources are ready when it waits.
type watcher struct {
	iomux.Poller
	sources []source
	seen    [][]int
}

func (w *watcher) Wait([]iomux.Ready, time.Duration) (int, error) {
	fds := make([]unix.PollFd, len(w.sources))
	for i, s := range w.sources {
		fds[i] = unix.PollFd{Fd: int32(s.fd()), Events: unix.POLLIN}
	}
	n, err := unix.Poll(fds, 0)
	var ready []int
	for i := range fds {
		if fds[i].Revents != 0 {
			ready = append(ready, i)
		}
	}
	w.seen = append(w.seen, ready)
	return n, err
}

// A round has the descriptors that it chose ready, for all its waits, and the next round
// others: of 64, that it be the same 8 is not going to happen.
func TestRoundsChooseAnew(t *testing.T) {
	leaktest.Check(t)
	w := &watcher{}
	for range 64 {
		s, err := newSource()
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		w.sources = append(w.sources, s)
	}
	m := &meter{poller: w, sources: w.sources, active: 8}
	for range 2 {
		if _, err := m.round(2); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.seen) != 4 {
		t.Fatalf("%d waits", len(w.seen))
	}
	first, second := w.seen[0], w.seen[2]
	if len(first) != 8 || !slices.Equal(first, w.seen[1]) || !slices.Equal(second, w.seen[3]) || slices.Equal(first, second) {
		t.Errorf("the waits found %v", w.seen)
	}
	if _, err := w.Wait(nil, 0); err != nil || len(w.seen[4]) != 0 {
		t.Errorf("ready are left: %v, %v", w.seen[4], err)
	}
}

// The limit is raised for what is asked, or what is asked is lowered.
func TestLimit(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	low := before
	low.Cur = 256
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	o := Options{Max: 500}
	if note, err := Limit(&o); err != nil || note != "" && uint64(before.Max) >= 500*perSource+besides { //nolint:unconvert // elsewhere it is an int64
		t.Errorf("%q, %v", note, err)
	}
	// More than any kernel gives: fs.nr_open is 2^20 as a rule, and 2^31 at most.
	o = Options{Max: math.MaxInt32}
	note, err := Limit(&o)
	if err != nil || !strings.HasPrefix(note, "2147483647 descriptors cannot be watched here: ") || o.Max < 256-besides-1 && perSource == 1 || o.Max == math.MaxInt32 {
		t.Errorf("%q, %v, %d", note, err, o.Max)
	}
	// Whatever is left of the wish has room, and not much more would have had.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	need := uint64(o.Max)*perSource + besides
	if have := uint64(limit.Cur); need > have || need+perSource <= have { //nolint:unconvert // it is signed on FreeBSD
		t.Errorf("%d sources need %d descriptors, of %d", o.Max, need, have)
	}
}

// samples are made up: epoll is flat, poll linear.
func samples() (list []Sample) {
	for _, n := range []int{10, 1000, 10000, 20000} {
		list = append(list, Sample{Point: Point{iomux.Epoll, n, 1}, Waits: Waits, Seconds: 0.05},
			Sample{Point: Point{iomux.Poll, n, 1}, Waits: 50, Seconds: 0.01 * float64(n)})
		if n == 1000 {
			list = append(list, Sample{Point: Point{iomux.Epoll, n, 10}, Waits: Waits, Seconds: 0.5})
		}
	}
	return list
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, samples()); err != nil {
		t.Fatal(err)
	}
	const want = `descriptors       CPU seconds for 100,000 waits  |  the same in TLPI, 2010
watched   active      epoll     poll             |    epoll     poll   select
     10        1      0.050    0.100             |    0.410    0.610    0.730
   1000        1      0.050     10.0             |    0.530     35.0     35.0
   1000       10      0.500        -             |        -        -        -
  10000        1      0.050      100             |    0.660      990      930
  20000        1      0.050      200             |        -        -        -

From 10 to 10000 descriptors a wait of epoll becomes 1.0 times as long.
From 10 to 10000 descriptors a wait of poll becomes 1000 times as long.
At 10000 descriptors, one of them active, poll takes 2000 times as long as epoll.
TLPI is Michael Kerrisk, The Linux Programming Interface (2010), table 63-9:
another machine and an older kernel, so compare how the figures grow.
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The bar stands below that of the heading, however many backends there are.
func TestTableIsStraight(t *testing.T) {
	for _, backends := range [][]iomux.Backend{
		{iomux.Poll}, {iomux.Epoll, iomux.Poll, iomux.Select}, {iomux.Epoll, iomux.Kqueue, iomux.Poll, iomux.Select},
	} {
		var list []Sample
		for _, name := range backends {
			list = append(list, Sample{Point: Point{name, 10, 1}, Waits: Waits, Seconds: 0.05})
		}
		var b strings.Builder
		if err := Table(&b, list); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		for _, l := range lines[:3] {
			if strings.Index(l, "|") != strings.Index(lines[0], "|") {
				t.Errorf("%d backends: it is not straight:\n%s", len(backends), b.String())
				break
			}
		}
	}
}

// A clock that is too coarse measures 0 s, of which there is no ratio and no logarithm.
func TestNothingTaken(t *testing.T) {
	coarse := samples()
	for i := range coarse {
		if coarse[i].Backend == iomux.Epoll && coarse[i].Active == 1 || coarse[i].Watched == 10 {
			coarse[i].Seconds = 0
		}
	}
	var table, picture strings.Builder
	if err := errors.Join(Table(&table, coarse), SVG(&picture, coarse)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{table.String(), picture.String()} {
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Error(text)
		}
	}
	if strings.Contains(table.String(), "times as long") {
		t.Errorf("it compares with nothing:\n%s", table.String())
	}
	if strings.Contains(picture.String(), ", 0.000 s") {
		t.Errorf("a point of 0 s is drawn:\n%s", picture.String())
	}
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	if err := CSV(&b, append(samples(), Sample{Point: Point{iomux.Select, 10, 1}, Why: unix.EBADF})); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1+9+12 {
		t.Fatalf("got %d lines\n%s", len(lines), b.String())
	}
	for i, want := range map[int][]string{
		0:  {"source", "backend", "watched", "active", "waits", "seconds_per_100000"},
		2:  {"here", "poll", "10", "1", "50", "0.1"},
		21: {"TLPI 63-9", "select", "10000", "1", "100000", "930"},
	} {
		if !slices.Equal(lines[i], want) {
			t.Errorf("line %d is %v", i, lines[i])
		}
	}
}

// The picture is well-formed, has every point, and none of them outside of its panel.
func TestSVG(t *testing.T) {
	var b strings.Builder
	if err := SVG(&b, samples()); err != nil {
		t.Fatal(err)
	}
	points, texts := 0, ""
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "circle" {
				points++
			}
		case xml.CharData:
			texts += string(e)
		}
	}
	// 9 and, of those, the two of epoll at 1000 and the one of poll in the second panel.
	if want := 9 - 1 + 2 + 1 + 12; points != want {
		t.Errorf("%d points, want %d", points, want)
	}
	for _, want := range []string{"prefers-color-scheme:dark", "descriptors watched", "descriptors active", "1000 descriptors watched", "epoll, here", "poll: 20000, 200 s", Source} {
		if !strings.Contains(texts, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	p := panel{x: 100, y: 50, w: 200, h: 100}
	p.fit([]series{{points: [][2]float64{{10, 0.05}, {20000, 200}}}})
	for _, c := range []struct{ at, want [2]float64 }{{[2]float64{10, 0.01}, [2]float64{100, 150}}, {[2]float64{1e5, 1000}, [2]float64{300, 50}}, {[2]float64{1000, 1}, [2]float64{200, 110}}} {
		if x, y := p.place(c.at); math.Abs(x-c.want[0])+math.Abs(y-c.want[1]) > 1e-6 {
			t.Errorf("%v is at %v, %v, want %v", c.at, x, y, c.want)
		}
	}
}

func TestPower(t *testing.T) {
	for e, want := range map[float64]string{-2: "0.01", -1: "0.1", 0: "1", 2: "100", 3: "1,000", 4: "10,000", 5: "100,000", 6: "1,000,000", 9: "1,000,000,000"} {
		if got := power(e); got != want {
			t.Errorf("power(%v) = %q", e, got)
		}
	}
}

// Without a second count of active ones there is one panel, and a point is enough.
func TestSVGOfOnePoint(t *testing.T) {
	var b strings.Builder
	if err := SVG(&b, samples()[:1]); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, "descriptors active") || strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error(text)
	}
}
