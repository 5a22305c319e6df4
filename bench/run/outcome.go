//go:build linux

package run

// Outcome is what a scenario's rounds come to.
type Outcome struct {
	Scenario Scenario `json:"scenario"`
	Base     string   `json:"base"` // what the ratios are to
	Rows     []*Row   `json:"rows"`
}

// Row is one peer's part of it: medians over the rounds, and medians of the
// ratios to the base within each round.
type Row struct {
	Peer          string             `json:"peer"`
	Rate          Figure             `json:"rate"`
	RateRatio     Figure             `json:"rate_ratio"`
	CPU           Figure             `json:"cpu_ns"`
	CPURatio      Figure             `json:"cpu_ratio"`
	Util          float64            `json:"util"`
	GeneratorUtil float64            `json:"generator_util"`
	P50           float64            `json:"p50_us"`
	P99           float64            `json:"p99_us"`
	P999          float64            `json:"p999_us"`
	Switches      float64            `json:"switches"`
	RSS           float64            `json:"rss"`
	Disturbed     int                `json:"disturbed"` // rounds that others disturbed, even when repeated
	Notes         map[string]float64 `json:"notes,omitempty"`
	Calls         map[string]float64 `json:"calls,omitempty"` // system calls a message
	Samples       []*Sample          `json:"samples"`
}

// summarize makes a row of each entry that got through all its rounds; the
// first is the base.
func summarize(s Scenario, entries []*entry) *Outcome {
	o := &Outcome{Scenario: s, Rows: []*Row{}}
	var base *entry
	for _, e := range entries {
		if e.failed {
			continue
		}
		if base == nil {
			base = e
			o.Base = e.spec.Label()
		}
		o.Rows = append(o.Rows, newRow(e, base))
	}
	return o
}

func newRow(e, base *entry) *Row {
	rate := func(s *Sample) float64 { return s.Rate }
	cpu := func(s *Sample) float64 { return s.CPU }
	r := &Row{
		Peer:          e.spec.Label(),
		Rate:          figure(e.values(rate)),
		RateRatio:     figure(ratios(e.byRound(rate), base.byRound(rate))),
		CPU:           figure(e.values(cpu)),
		CPURatio:      figure(ratios(e.byRound(cpu), base.byRound(cpu))),
		Util:          e.median(func(s *Sample) float64 { return s.Util }),
		GeneratorUtil: e.median(func(s *Sample) float64 { return s.GeneratorUtil }),
		P50:           e.median(func(s *Sample) float64 { return s.P50 }),
		P99:           e.median(func(s *Sample) float64 { return s.P99 }),
		P999:          e.median(func(s *Sample) float64 { return s.P999 }),
		Switches:      e.median(func(s *Sample) float64 { return s.Switches }),
		RSS:           e.median(func(s *Sample) float64 { return float64(s.RSS) }),
		Calls:         e.calls,
		Samples:       e.samples,
	}
	for _, s := range e.samples {
		if s.disturbed() {
			r.Disturbed++
		}
		for key := range s.Notes {
			if r.Notes == nil {
				r.Notes = map[string]float64{}
			}
			r.Notes[key] = e.median(func(s *Sample) float64 { return s.Notes[key] })
		}
	}
	return r
}

func (e *entry) values(of func(*Sample) float64) []float64 {
	var xs []float64
	for _, s := range e.samples {
		xs = append(xs, of(s))
	}
	return xs
}

func (e *entry) byRound(of func(*Sample) float64) map[int]float64 {
	xs := map[int]float64{}
	for _, s := range e.samples {
		xs[s.Round] = of(s)
	}
	return xs
}

func (e *entry) median(of func(*Sample) float64) float64 { return figure(e.values(of)).Median }
