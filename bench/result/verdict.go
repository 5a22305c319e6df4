package result

// Verdict is what a ratio allows one to say.
type Verdict string

// The verdicts.
const (
	More   Verdict = "more"
	Less   Verdict = "less"
	Same   Verdict = "the same"
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
