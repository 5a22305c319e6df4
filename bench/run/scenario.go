//go:build linux

package run

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"example.com/iomux/bench/load"
)

// Scenario is one kind of load.
type Scenario struct {
	Name  string  `json:"name"`
	Conns int     `json:"conns"`
	Size  int     `json:"size"`            // bytes a message
	Depth int     `json:"depth"`           // messages on their way per connection
	Frame bool    `json:"frame,omitempty"` // Depth requests in one segment, answered one by one
	Rate  float64 `json:"rate,omitempty"`  // messages a second of an open loop
}

// Standard is what runs when nothing is asked for.
const Standard = "100x64,100x64p16,framed16,1x64,1000x64,rate10k,rate80k"

const (
	usualConns = 100
	usualSize  = 64
)

var (
	closedForm = regexp.MustCompile(`^(\d{1,7})x(\d{1,7})(?:p(\d{1,7}))?$`)
	framedForm = regexp.MustCompile(`^framed(\d{1,7})$`)
	rateForm   = regexp.MustCompile(`^rate(\d{1,7})(k?)$`)
)

// ParseScenario reads a scenario's name, which says all: 100x64p16 is 100
// connections, 64 bytes, 16 on their way in each; framed16 is 16 requests a
// segment and rate10k 10,000 messages a second, both of 64 bytes over 100
// connections.
func ParseScenario(name string) (Scenario, error) {
	s := Scenario{Name: name, Conns: usualConns, Size: usualSize, Depth: 1}
	if m := closedForm.FindStringSubmatch(name); m != nil {
		s.Conns, s.Size = number(m[1]), number(m[2])
		if m[3] != "" {
			s.Depth = number(m[3])
		}
	} else if m := framedForm.FindStringSubmatch(name); m != nil {
		s.Depth, s.Frame = number(m[1]), true
	} else if m := rateForm.FindStringSubmatch(name); m != nil {
		s.Rate = float64(number(m[1]))
		if m[2] == "k" {
			s.Rate *= 1000
		}
	} else {
		return s, fmt.Errorf("scenario %q: want CONNSxSIZE, CONNSxSIZEpDEPTH, framedCOUNT or rateCOUNT[k]", name)
	}
	if s.Conns < 1 || s.Size < 1 || s.Depth < 1 || s.Frame && s.Depth < 2 || s.Rate < 1 && rateForm.MatchString(name) {
		return s, fmt.Errorf("scenario %q: a number is too small", name)
	}
	if s.Conns > load.MaxConns || s.Size > load.MaxBurst/s.Depth {
		return s, fmt.Errorf("scenario %q: more than %d connections or %d bytes at once", name, load.MaxConns, load.MaxBurst)
	}
	return s, nil
}

// number is what a form has found to be all digits and not too many.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// ParseScenarios reads a list with commas.
func ParseScenarios(list string) ([]Scenario, error) {
	var all []Scenario
	for name := range strings.SplitSeq(list, ",") {
		s, err := ParseScenario(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// String says in words what the scenario does.
func (s Scenario) String() string {
	what := fmt.Sprintf("%d connections, %d B", s.Conns, s.Size)
	switch {
	case s.Rate > 0:
		return fmt.Sprintf("open loop, %.0f messages/s over %s; latency from the time each was meant to leave", s.Rate, what)
	case s.Frame:
		return fmt.Sprintf("closed loop, %s, %d requests in one segment, each answered with a write of its own", what, s.Depth)
	case s.Depth > 1:
		return fmt.Sprintf("closed loop, %s, %d on their way in each", what, s.Depth)
	}
	return "closed loop, " + what
}

// frame is the size of a request that a server must answer by itself, or 0.
func (s Scenario) frame() int {
	if s.Frame {
		return s.Size
	}
	return 0
}

// load is the scenario for the generator.
func (s Scenario) load() load.Config {
	return load.Config{Conns: s.Conns, Size: s.Size, Depth: s.Depth, Whole: s.Frame, Rate: s.Rate}
}
