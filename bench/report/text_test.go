package report

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/iomux/bench/result"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"c_epoll ±µ✓":                "c_epoll ±µ✓",
		"a\tb\nc\r\u00a0d\u2028e":    "a b c  d e",
		"\x1b]0;title\x07":           `\x1b]0;title\a`,
		"\x00\x7f\u009b31m":          `\x00\x7f\u009b31m`,
		"\u202egnp\u200b\ufeff":      `\u202egnp\u200b\ufeff`,
		"\xff\xc3(":                  `\xff\xc3(`,
		"it's \\ \"x\" \U000e0041":   `it's \ "x" \U000e0041`,
		"\ufffd":                     "\ufffd",
		strings.Repeat("a\x01", 3):   `a\x01a\x01a\x01`,
		"\ufffe\uffff\U0010ffff\x80": `\ufffe\uffff\U0010ffff\x80`,
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{digits(184296, 4), "184300"},
		{digits(9.9996, 4), "10.00"},
		{digits(999.96, 4), "1000"},
		{digits(0.012345, 3), "0.0123"},
		{digits(-5.678, 2), "-5.7"},
		{digits(1e300, 3), "1.00e+300"},
		{digits(5e-324, 3), "4.94e-324"},
		{digits(math.NaN(), 3), unknown},
		{digits(math.Inf(-1), 3), unknown},
		{grouped(2893379), "2,890,000"},
		{grouped(344.4), "344"},
		{grouped(-1234), "-1,230"},
		{grouped(-123), "-123"},
		{grouped(12.345), "12.3"},
		{ratio(1), "1.00"},
		{ratio(0.0234), "0.023"},
		{ratio(17.79), "17.8"},
		{ratio(1e200), "1.00e+200"},
		{ratio(0), "0.00"},
		{hundredths(1e300), "1.00e+300"},
		{percent(0.0712), "7.1 %"},
		{percent(0.03), "3 %"},
		{percent(0.0996), "10 %"},
		{percent(-0.24), "24 %"},
		{percent(67), "6700 %"},
		{bytesOf(0.399), "0.4 B"},
		{bytesOf(213), "213 B"},
		{bytesOf(7408), "7.41 kB"},
		{bytesOf(1e300), "1.00e+288 TB"},
		{share(0.048), "4.8 %"},
		{share(0.97), "97 %"},
		{share(13.77), "1,380 %"},
		{latency(31), "31 µs"},
		{latency(2500), "2.5 ms"},
		{latency(3.3e6), "3.3 s"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if s := clip("aµ✓defg", 5); s != "aµ…fg" || !utf8.ValidString(s) {
		t.Errorf("clipped to %q", s)
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		metric  result.Metric
		factor  float64
		verdict result.Verdict
		want    string
	}{
		{result.CPU, 1.071, result.More, "7.1 % dearer"},
		{result.CPU, 0.97, result.Less, "3 % cheaper"},
		{result.CPU, 17.79, result.More, "17.8 times as dear"},
		{result.CPU, 1.01, result.Same, "no difference"},
		{result.CPU, 1.5, result.Noisy, "too noisy to say"},
		{result.CPU, 0, result.TooFew, "too few rounds to say"},
		{result.Rate, 0.5, result.Less, "50 % slower"},
		{result.PerConn, 1.24, result.More, "24 % bigger"},
		{result.P99, 0.53, result.Less, "47 % shorter"},
	} {
		if got := difference(c.metric, c.factor, c.verdict); got != c.want {
			t.Errorf("%s by %g, %s: %q, want %q", c.metric.Name, c.factor, c.verdict, got, c.want)
		}
	}
}

func TestAxis(t *testing.T) {
	a := axis{low: 0, high: 2}
	for x, want := range map[float64]float64{-1: 0, 0: 0, 1: 50, 2: 100, 3: 100, math.Inf(1): 100, math.NaN(): 0} {
		if got := a.place(x); got != want {
			t.Errorf("place(%g) = %g, want %g", x, got, want)
		}
	}
	for high, want := range map[float64]int{1.08: 3, 15: 4, 0.3: 4, 0: 1, 1e300: 3} {
		if got := steps(high, 4); len(got) < want || len(got) > 9 || got[len(got)-1] > 1.001*high && high > 0 {
			t.Errorf("steps to %g: %v", high, got)
		}
	}
	for _, c := range []struct {
		low, high float64
		want      int
	}{{1.4, 1.9, 3}, {2, 4, 7}, {0, 5, 6}, {-300, 300, 0}} {
		if got := decades(c.low, c.high); len(got) != c.want {
			t.Errorf("between 10^%g and 10^%g: %v, want %d", c.low, c.high, got, c.want)
		}
	}
}
