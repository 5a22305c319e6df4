//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// What a flag takes it shows again, in the shortest form; what it does not take
// leaves it as it was.
func TestValues(t *testing.T) {
	const bad = "" // is not taken
	for _, c := range []struct {
		what  string
		value pflag.Value
		sets  []struct{ in, shown string }
	}{
		{"size", new(size), []struct{ in, shown string }{
			{"1", "1B"}, {"1024", "1KiB"}, {"256KiB", "256KiB"}, {"2048KiB", "2MiB"}, {"1500B", "1500B"}, {"1GiB", "1GiB"},
			{"0", bad}, {"-1", bad}, {"1KB", bad}, {"1k", bad}, {"KiB", bad}, {"1.5MiB", bad}, {" 1", bad}, {"1 KiB", bad}, {"", bad},
			{strconv.Itoa(math.MaxInt) + "KiB", bad}, {"99999999999999999999", bad},
		}},
		{"count", &count{max: 100}, []struct{ in, shown string }{
			{"1", "1"}, {"100", "100"}, {"101", bad}, {"0", bad}, {"-5", bad}, {"ten", bad}, {"", bad},
		}},
		{"time", &span{min: time.Second}, []struct{ in, shown string }{
			{"1s", "1s"}, {"90s", "1m30s"}, {"60s", "1m"}, {"5m", "5m"}, {"2h", "2h"}, {"2h5m", "2h5m"}, {"10h", "10h"}, {"10m", "10m"}, {"1h10s", "1h0m10s"},
			{"999ms", bad}, {"0", bad}, {"off", bad}, {"-1s", bad}, {"30", bad}, {"", bad},
		}},
		{"time or off", &span{min: time.Second, off: true}, []struct{ in, shown string }{
			{"1s", "1s"}, {"off", "off"}, {"0", "off"}, {"0s", "off"}, {"-1s", bad}, {"never", bad},
		}},
		{"permissions", new(permissions), []struct{ in, shown string }{
			{"0600", "0600"}, {"777", "0777"}, {"1", "0001"}, {"0", bad}, {"1000", bad}, {"8", bad}, {"u=rw", bad}, {"-1", bad}, {"", bad},
		}},
		{"path", new(socketPath), []struct{ in, shown string }{
			{"/run/x", "/run/x"}, {"x", "x"}, {"./@x", "./@x"}, {"", bad}, {"@x", bad},
		}},
	} {
		for _, set := range c.sets {
			before := c.value.String()
			err := c.value.Set(set.in)
			switch got := c.value.String(); {
			case set.shown != bad && (err != nil || got != set.shown):
				t.Errorf("%s %q: %q, %v, want %q", c.what, set.in, got, err, set.shown)
			case set.shown == bad && (err == nil || got != before):
				t.Errorf("%s %q: it became %q, %v", c.what, set.in, got, err)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"loops", "loops", 0}, {"lops", "loops", 1}, {"loopss", "loops", 1},
		{"laops", "loops", 1}, {"lopos", "loops", 2}, {"keep-alive", "keepalive", 1}, {"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
