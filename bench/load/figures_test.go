//go:build linux

package load

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestJain(t *testing.T) {
	for _, test := range []struct {
		shares []int64
		want   float64
	}{
		{nil, 0},
		{[]int64{0, 0}, 0},
		{[]int64{7}, 1},
		{[]int64{5, 5, 5, 5}, 1},
		{[]int64{0, 0, 0, 9}, 0.25},
		{[]int64{1, 3}, 0.8},
		{[]int64{1, 2, 3}, 36.0 / 42},
		{[]int64{math.MaxInt64, math.MaxInt64}, 1},
	} {
		if got := (&Result{Shares: test.shares}).Jain(); !near(got, test.want) {
			t.Errorf("Jain of %v: %v, want %v", test.shares, got, test.want)
		}
	}
}

func TestLittle(t *testing.T) {
	r := Result{Messages: 20_000, Elapsed: 2 * time.Second, MeanLatency: 1e6, InFlight: 10}
	if got := r.Little(); !near(got, 1) { // 10,000 a second, a millisecond each
		t.Errorf("%v, want 1", got)
	}
	r.InFlight = 40
	if got := r.Little(); !near(got, 0.25) {
		t.Errorf("%v, want 0.25", got)
	}
	r.InFlight = 0
	if got := r.Little(); got != 0 {
		t.Errorf("%v where it is unknown, want 0", got)
	}
	if got := (&Result{InFlight: 1}).Little(); got != 0 {
		t.Errorf("%v before anything, want 0", got)
	}
}

// TestLittleHolds: in closed loop the law leaves little room; what room there is
// comes from the two ends of the window.
func TestLittleHolds(t *testing.T) {
	for kind, depth := range map[Kind]int{Echo: 4, Churn: 1, UDP: 4} {
		c := Config{Kind: kind, Conns: 8, Size: 64, Depth: depth, Warm: 10 * time.Millisecond, Duration: 300 * time.Millisecond}
		if kind == UDP {
			c.Addr = udpServer(t, udpEcho)
		} else {
			c.Addr = serve(t, echoing(honest))
		}
		r, err := Run(c)
		if err != nil {
			t.Fatal(err)
		}
		if want := float64(8 * depth); r.InFlight != want {
			t.Errorf("%v: %v in flight, want %v", kind, r.InFlight, want)
		}
		// Never more than 1 but for latencies of what was on its way at the
		// beginning, which are not kept.
		if l := r.Little(); l <= 0.3 || l > 1.3 {
			t.Errorf("%v: Little %v, want about 1", kind, l)
		}
		if j := r.Jain(); j <= 0 || j > 1+1e-9 {
			t.Errorf("%v: Jain %v of %v", kind, j, r.Shares)
		}
		var sum int64
		for _, n := range r.Shares {
			sum += n
		}
		if sum != r.Messages {
			t.Errorf("%v: shares %v make %d, messages %d", kind, r.Shares, sum, r.Messages)
		}
		if h := r.Latency.Mean(); math.Abs(h-r.MeanLatency) > 0.01*h {
			t.Errorf("%v: mean latency %v, of the histogram %v", kind, r.MeanLatency, h)
		}
	}
}

// TestInFlightUnknown: where the configuration does not say, neither does the
// result.
func TestInFlightUnknown(t *testing.T) {
	addr := serve(t, echoing(honest))
	for name, c := range map[string]Config{
		"whole": {Conns: 2, Size: 8, Depth: 4, Whole: true},
		"open":  {Conns: 2, Size: 8, Rate: 1e5},
	} {
		c.Addr, c.Messages = addr, 100
		if r, err := Run(c); err != nil || r.InFlight != 0 || r.Little() != 0 {
			t.Errorf("%s: in flight %v, error %v", name, r.InFlight, err)
		}
	}
}

func TestTotal(t *testing.T) {
	var sum total
	if sum.mean(0) != 0 {
		t.Error("the mean of nothing is not 0")
	}
	for _, x := range []int64{1, 2, 4} {
		sum.add(x, 2)
	}
	if got := sum.mean(6); !near(got, 14.0/6) {
		t.Errorf("mean %v, want 14/6", got)
	}
	sum = total{}
	for range 100 { // 2^63 twice over and more
		sum.add(math.MaxInt64/3, 5)
	}
	if got := sum.mean(500); !near(got, math.MaxInt64/3) {
		t.Errorf("mean %v, want %v", got, float64(math.MaxInt64/3))
	}
}

// TestMixedSizes: every decade has its share, and the bounds are met.
func TestMixedSizes(t *testing.T) {
	for _, size := range []int{1, 2, 64, 4096, MaxBurst} {
		p := newMixed(size)
		var got []int
		for id := range uint32(4) {
			for seq := range uint64(25_000) {
				got = append(got, p.length(id, seq))
			}
		}
		slices.Sort(got)
		if got[0] != 1 || got[len(got)-1] > size || got[len(got)-1] < size*95/100 {
			t.Errorf("size %d: from %d to %d", size, got[0], got[len(got)-1])
		}
		// Half of all are shorter than the root of the longest.
		if median, want := float64(got[len(got)/2]), math.Sqrt(float64(size)); median < want*0.9-1 || median > want*1.1+1 {
			t.Errorf("size %d: median %v, want about %.0f", size, median, want)
		}
	}
	if a, b := newMixed(1000), newMixed(1000); a.length(3, 4) != b.length(3, 4) {
		t.Error("another run has other sizes")
	}
}

func TestRoomForDescriptors(t *testing.T) {
	for _, test := range []struct {
		n     uint64
		raise bool
		err   error
	}{
		{900, false, nil},
		{901, true, nil},
		{3900, true, nil},
		{3901, false, unix.EMFILE},
	} {
		raise, err := room(test.n, 100, unix.Rlimit{Cur: 1000, Max: 4000})
		if raise != test.raise || !errors.Is(err, test.err) {
			t.Errorf("%d: raise %v, %v; want %v, %v", test.n, raise, err, test.raise, test.err)
		}
	}
}

// TestSoftLimitIsRaised lowers it first; the hard one stays.
func TestSoftLimitIsRaised(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	low := limit
	low.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	c := Config{Kind: Idle, Addr: serve(t, echoing(honest)), Conns: 100, Size: 8, Duration: time.Millisecond}
	if r, err := Run(c); err != nil || r.Connected != 100 {
		t.Errorf("%v", err)
	}
	if limit.Max < MaxConns {
		c.Conns = MaxConns
		if _, err := Run(c); !errors.Is(err, unix.EMFILE) {
			t.Errorf("%d connections: %v, want EMFILE", c.Conns, err)
		}
	}
}

func TestKinds(t *testing.T) {
	for k, want := range map[Kind]string{0: "echo", Churn: "churn", Idle: "idle", Chat: "chat", Room: "room", UDP: "udp", -1: "Kind(-1)", 6: "Kind(6)"} {
		if k.String() != want {
			t.Errorf("%d is %q, want %q", int(k), k, want)
		}
	}
}

// TestSpread: no source address has more connections than ports.
func TestSpread(t *testing.T) {
	if spread(perSource, perSource-1) != 0 {
		t.Error("a source address for few connections")
	}
	count := map[[4]byte]int{}
	for i := range MaxConns {
		a := spread(MaxConns, i).addr()
		if a[0] != 127 || a[1] < 64 || a[1] > 127 {
			t.Fatalf("source %v", a)
		}
		count[a]++
	}
	for a, n := range count {
		if n > perSource {
			t.Errorf("%d connections from %v", n, a)
		}
	}
}
