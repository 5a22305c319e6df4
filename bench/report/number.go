package report

import (
	"math"
	"strconv"
	"strings"
)

// unknown stands for what is not a number, or does not apply.
const unknown = "–"

// digits is x to n significant digits, with zeroes for the others before the
// point; numbers too great or small to read so have an exponent.
func digits(x float64, n int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return unknown
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', n-1, 64), 64)
	size := math.Abs(rounded)
	switch {
	case rounded == 0:
		return "0"
	case size < 1e-4 || size >= 1e12:
		return strconv.FormatFloat(x, 'e', n-1, 64)
	}
	places := n - 1 - int(math.Floor(math.Log10(size)))
	return strconv.FormatFloat(rounded, 'f', max(0, places), 64)
}

// grouped is digits to three places, with commas between thousands.
func grouped(x float64) string {
	s := digits(x, 3)
	if strings.ContainsAny(s, ".e") {
		return s
	}
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// ratio is x as a factor.
func ratio(x float64) string {
	switch size := math.Abs(x); {
	case size != 0 && size < 0.1:
		return digits(x, 2)
	case size < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return digits(x, 3)
	}
}

// hundredths is x to two places, as shares are shown.
func hundredths(x float64) string {
	if math.Abs(x) < 1000 {
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return digits(x, 3)
}

// percent is a share as a percentage, without a sign.
func percent(share float64) string {
	switch x := math.Abs(100 * share); {
	case x < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0") + " %"
	case x < 1000:
		return strconv.FormatFloat(x, 'f', 0, 64) + " %"
	default:
		return digits(x, 3) + " %"
	}
}

// trimmed is digits without zeroes at the end of what is behind the point.
func trimmed(x float64, n int) string {
	s := digits(x, n)
	if strings.Contains(s, ".") && !strings.Contains(s, "e") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// bytesOf is a number of bytes with a unit that fits.
func bytesOf(x float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		switch size := math.Abs(x); {
		case size < 1: // of an average
			return trimmed(x, 1) + " " + unit
		case size < 1000:
			return trimmed(x, 3) + " " + unit
		}
		x /= 1000
	}
	return trimmed(x, 3) + " TB"
}

// bound is s with its units bound to their numbers, for where lines wrap.
func bound(s string) string {
	return strings.NewReplacer(" %", "\u00a0%", " µs", "\u00a0µs", " B ", "\u00a0B ", " kB", "\u00a0kB").Replace(s)
}
