package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Format is the number of the format that WriteJSON writes and Read reads;
// schema.json describes it.
const Format = 1

// Report is what a measurement found.
type Report struct {
	Format    int        `json:"format"`
	Time      time.Time  `json:"time"`
	Machine   Machine    `json:"machine"`
	Setting   Setting    `json:"setting"`
	Peers     []Peer     `json:"peers"`
	Pair      *Pair      `json:"pair,omitempty"` // two of the peers, of which the measurement was made
	Notes     []string   `json:"notes,omitempty"`
	Skipped   []Skipped  `json:"skipped,omitempty"`
	Scenarios []*Outcome `json:"scenarios"`
}

// Machine is what a result depends on beside the programs. It names nobody's
// machine.
type Machine struct {
	CPU        string            `json:"cpu"`
	CPUs       int               `json:"cpus"`
	GOOS       string            `json:"goos"`
	GOARCH     string            `json:"goarch"`
	MemoryMB   int64             `json:"memory_mb"`
	Hypervisor string            `json:"hypervisor,omitempty"` // "" means none was seen
	OS         string            `json:"os"`
	Kernel     string            `json:"kernel"`
	Go         string            `json:"go"`
	CC         string            `json:"cc,omitempty"`
	Revision   string            `json:"revision,omitempty"` // of this project; "+" behind it means changed since
	OpenFiles  uint64            `json:"open_files"`         // RLIMIT_NOFILE
	Settings   map[string]string `json:"settings,omitempty"` // governor, mitigations, sysctls, by name
}

// Setting is how it was measured.
type Setting struct {
	Rounds  int     `json:"rounds"`  // of each peer in each scenario; with a pair more where it took more
	Seconds float64 `json:"seconds"` // of a run
	Warm    float64 `json:"warm"`    // seconds before it, unmeasured
	Loops   int     `json:"loops"`
	Procs   int     `json:"gomaxprocs"`
	Pinned  bool    `json:"pinned"` // generator and server on CPUs of their own
	Nice    int     `json:"nice"`
}

// Peer is a server that was measured.
type Peer struct {
	Label   string `json:"label"`
	Command string `json:"command"` // the program and its flags
	About   string `json:"about"`
	Version string `json:"version,omitempty"`
}

// Skipped is a peer that did not run, or not to the end.
type Skipped struct {
	Peer     string `json:"peer"`
	Scenario string `json:"scenario,omitempty"` // none: in all of them
	Reason   string `json:"reason"`
	Failed   bool   `json:"failed,omitempty"` // it ran, and was found wanting
}

func (s Skipped) String() string {
	if s.Scenario == "" {
		return s.Peer + ": " + s.Reason
	}
	return s.Peer + " in " + s.Scenario + ": " + s.Reason
}

// Failed reports whether a peer ran and was found wanting.
func (r *Report) Failed() bool {
	for _, s := range r.Skipped {
		if s.Failed {
			return true
		}
	}
	return false
}

// WriteJSON writes the report.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// ErrFormat: what was read is no report, or one of another format.
var ErrFormat = errors.New("not a report of this format")

// Read reads what WriteJSON wrote. Errors wrap [ErrFormat] or the reader's.
func Read(from io.Reader) (*Report, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("%w: format %d, want %d", ErrFormat, r.Format, Format)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return r, nil
}

// check refuses what no measurement has: the rest of the program relies on rows
// with samples.
func (r *Report) check() error {
	for i, o := range r.Scenarios {
		if o == nil {
			return fmt.Errorf("scenario %d is null", i)
		}
		for j, row := range o.Rows {
			switch {
			case row == nil:
				return fmt.Errorf("row %d of %q is null", j, o.Scenario.Name)
			case len(row.Samples) == 0:
				return fmt.Errorf("no samples of %q in %q", row.Peer, o.Scenario.Name)
			case slices.Contains(row.Samples, nil):
				return fmt.Errorf("a sample of %q in %q is null", row.Peer, o.Scenario.Name)
			}
		}
	}
	return nil
}

// Outcome is the scenario of that name, or nil.
func (r *Report) Outcome(name string) *Outcome {
	for _, o := range r.Scenarios {
		if o.Scenario.Name == name {
			return o
		}
	}
	return nil
}
