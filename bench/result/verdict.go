package result

// Verdict is what a ratio allows one to say.
type Verdict string

// The verdicts.
const (
	More   Verdict = "more"
	Less   Verdict = "less"
	Same   Verdict = "the same"
	Within Verdict = "within the drift of runs"
	Noisy  Verdict = "too noisy to say"
	TooFew Verdict = "too few rounds to say"
)

// same is how far from 1 a ratio is still called the same: what this kind of
// measurement can tell apart on a busy machine.
const same = 0.03

// Verdict says what can be said of a ratio whose figure f is. A difference is
// one if the whole interval lies on one side of 1.
func (f Figure) Verdict() Verdict {
	switch {
	case !f.Interval():
		return TooFew
	case f.Low >= 1-same && f.High <= 1+same:
		return Same
	case f.Low > 1:
		return More
	case f.High < 1:
		return Less
	}
	return Noisy
}

// drifted is f as far as it can be known from two measurements whose ratios drift
// apart by a share of drift although nothing has changed, and its verdict.
func (f Figure) drifted(drift float64) (Figure, Verdict) {
	wide := f
	wide.Low, wide.High = f.Low/(1+drift), f.High*(1+drift)
	v := wide.Verdict()
	near := func(x float64) bool { return x >= 1/(1+drift) && x <= 1+drift }
	differs := f.Low > 1 || f.High < 1
	if v == Noisy && (near(f.Low) && near(f.High) || differs && near(f.Median)) {
		v = Within
	}
	return wide, v
}
