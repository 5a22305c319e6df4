//go:build linux

package run

import (
	"encoding/json"
	"io"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Report is what a measurement found, for machines.
type Report struct {
	Time      time.Time  `json:"time"`
	Go        string     `json:"go"`
	Kernel    string     `json:"kernel"`
	CPUs      int        `json:"cpus"`
	Loops     int        `json:"loops"`
	Procs     int        `json:"gomaxprocs"`
	Pinned    bool       `json:"pinned"`
	Notes     []string   `json:"notes,omitempty"`
	Skipped   []Skipped  `json:"skipped,omitempty"`
	Scenarios []*Outcome `json:"scenarios"`
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

func newReport(o Options) *Report {
	r := &Report{Time: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), CPUs: runtime.NumCPU(),
		Loops: o.Loops, Procs: o.Procs, Scenarios: []*Outcome{}}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		r.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return r
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
	e.SetIndent("", "  ")
	return e.Encode(r)
}
