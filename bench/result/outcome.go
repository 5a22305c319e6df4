package result

import "example.com/iomux/bench/scenario"

// Outcome is what a scenario's rounds come to.
type Outcome struct {
	Scenario scenario.Scenario `json:"scenario"`
	Base     string            `json:"base"` // the row that ratios are to; "" if there are no rows
	Rows     []*Row            `json:"rows"`
}

// Measure is a quantity and its ratio to the base's in the same round.
type Measure struct {
	Figure
	Ratio Figure `json:"ratio"`
}

// Row is one peer's part of an outcome.
type Row struct {
	Peer          string             `json:"peer"`
	Measures      map[string]Measure `json:"measures"` // by Metric.Name
	System        float64            `json:"system"`
	Util          float64            `json:"util"`
	GeneratorUtil float64            `json:"generator_util"`
	Switches      float64            `json:"switches"`
	Disturbed     int                `json:"disturbed"` // rounds that others disturbed, even when repeated
	Doubts        []string           `json:"doubts,omitempty"`
	Latency       []Percentile       `json:"latency,omitempty"` // over all rounds
	Notes         map[string]float64 `json:"notes,omitempty"`
	Calls         map[string]float64 `json:"calls,omitempty"` // system calls a message, by name
	Samples       []*Sample          `json:"samples"`
}

// Percentile is a point of a distribution of latencies.
type Percentile struct {
	Percent float64 `json:"percent"`
	Micros  float64 `json:"us"`
}

// Series is what is known of a peer in a scenario before it is summed up.
type Series struct {
	Peer    string
	Samples []*Sample
	Latency []Percentile
	Calls   map[string]float64
}

// Summarize makes a row of each series that has samples; the first is the base.
func Summarize(s scenario.Scenario, series []Series) *Outcome {
	o := &Outcome{Scenario: s, Rows: []*Row{}}
	var base []*Sample
	for _, e := range series {
		if len(e.Samples) == 0 {
			continue
		}
		if base == nil {
			base, o.Base = e.Samples, e.Peer
		}
		o.Rows = append(o.Rows, newRow(s, e, base))
	}
	return o
}

func newRow(s scenario.Scenario, e Series, base []*Sample) *Row {
	r := &Row{
		Peer:          e.Peer,
		Measures:      map[string]Measure{},
		System:        median(e.Samples, func(s *Sample) float64 { return s.System }),
		Util:          median(e.Samples, func(s *Sample) float64 { return s.Util }),
		GeneratorUtil: median(e.Samples, func(s *Sample) float64 { return s.GeneratorUtil }),
		Switches:      median(e.Samples, func(s *Sample) float64 { return s.Switches }),
		Doubts:        doubts(s, e.Samples),
		Latency:       e.Latency,
		Calls:         e.Calls,
		Samples:       e.Samples,
	}
	for _, m := range Metrics {
		r.Measures[m.Name] = Measure{
			newFigure(values(e.Samples, m.Of)),
			newFigure(ratios(byRound(e.Samples, m.Of), byRound(base, m.Of))),
		}
	}
	for _, sample := range e.Samples {
		if sample.Disturbed() {
			r.Disturbed++
		}
		for key := range sample.Notes {
			if r.Notes == nil {
				r.Notes = map[string]float64{}
			}
			r.Notes[key] = median(e.Samples, func(s *Sample) float64 { return s.Notes[key] })
		}
	}
	return r
}

// Measure is the row's figure of a metric.
func (r *Row) Measure(m Metric) Measure { return r.Measures[m.Name] }

// Row is the peer's row, or nil.
func (o *Outcome) Row(peer string) *Row {
	for _, r := range o.Rows {
		if r.Peer == peer {
			return r
		}
	}
	return nil
}

func values(samples []*Sample, of func(*Sample) float64) []float64 {
	xs := make([]float64, 0, len(samples))
	for _, s := range samples {
		xs = append(xs, of(s))
	}
	return xs
}

func byRound(samples []*Sample, of func(*Sample) float64) map[int]float64 {
	xs := map[int]float64{}
	for _, s := range samples {
		xs[s.Round] = of(s)
	}
	return xs
}

func median(samples []*Sample, of func(*Sample) float64) float64 {
	return newFigure(values(samples, of)).Median
}
