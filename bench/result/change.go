package result

// Change is how a peer's metric differs between an old and a new state.
type Change struct {
	Scenario string
	Peer     string
	Metric   Metric
	Old      Figure
	New      Figure
	Base     string  // Old and New are ratios to this peer's; "" if they are the metric itself
	Factor   float64 // new to old; 0 if it cannot be told
	// Low and High are an interval of Factor that misses it with a probability
	// of a hundredth at most, in whatever is compared together; both are 0 where
	// there is too little for one.
	Low, High float64
	Verdict   Verdict

	// What it rests on, of the side that has fewer: so many rounds, 0 if it is
	// whole measurements that were compared; and so many measurements, 0 if both
	// sides were in one.
	Rounds, Runs int
	// Drift is the share by which measurements of the same differ and the
	// interval has been made wider; 0 where the measurements themselves show
	// by how much they differ, or both sides were in one.
	Drift float64
}

// Worse reports whether the change is one for the worse.
func (c Change) Worse() bool {
	if c.Metric.MoreGood {
		return c.Verdict == Less
	}
	return c.Verdict == More
}

// Regress is by what share the metric became worse, negative if it became
// better.
func (c Change) Regress() float64 {
	if c.Metric.MoreGood {
		return 1 - c.Factor
	}
	return c.Factor - 1
}

// Open reports whether more rounds might allow to say more.
func (c Change) Open() bool { return c.Verdict == Noisy || c.Verdict == TooFew && c.Factor > 0 }

// set gives the change its factor and what can be said of it.
func (c *Change) set(f Figure, v Verdict) {
	c.Factor, c.Low, c.High, c.Verdict = f.Median, f.Low, f.High, v
}
