//go:build linux

package run

import (
	"maps"
	"slices"
	"testing"
)

func TestParseScenario(t *testing.T) {
	want := []Scenario{
		{Name: "100x64", Conns: 100, Size: 64, Depth: 1},
		{Name: "100x64p16", Conns: 100, Size: 64, Depth: 16},
		{Name: "framed16", Conns: 100, Size: 64, Depth: 16, Frame: true},
		{Name: "1x64", Conns: 1, Size: 64, Depth: 1},
		{Name: "1000x64", Conns: 1000, Size: 64, Depth: 1},
		{Name: "rate10k", Conns: 100, Size: 64, Depth: 1, Rate: 10_000},
		{Name: "rate80k", Conns: 100, Size: 64, Depth: 1, Rate: 80_000},
	}
	got, err := ParseScenarios(Standard)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseSpecs(t *testing.T) {
	got, err := ParseSpecs("c_epoll, iomux  -backend poll,iomux")
	if err != nil || len(got) != 3 {
		t.Fatalf("got %v, %v", got, err)
	}
	if got[0].Label() != "c_epoll" || got[1].Label() != "iomux -backend poll" || got[2].Label() != "iomux" {
		t.Errorf("labels %q, %q, %q", got[0].Label(), got[1].Label(), got[2].Label())
	}
}

func TestParseCalls(t *testing.T) {
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.41    0.011234           2      5000           read
 30.12    0.005601           1      4100        12 write
  9.47    0.001761          88        20           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.018596           2      9120        12 total
`
	want := map[string]int64{"read": 5000, "write": 4100, "epoll_wait": 20}
	if got := parseCalls([]byte(table)); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNotes(t *testing.T) {
	got := notes([]string{"timer p50_us=93 max_us=2.5", "", "bye", "x y=z"})
	want := map[string]float64{"timer p50_us": 93, "timer max_us": 2.5}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStatusField(t *testing.T) {
	status := []byte("Name:\tx\nVmRSS:\t    1432 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t11\n")
	for name, want := range map[string]int64{"VmRSS": 1432, "voluntary_ctxt_switches": 7, "nonvoluntary_ctxt_switches": 11, "Name": 0, "none": 0} {
		if got := field(status, name); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
}
