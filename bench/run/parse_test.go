//go:build linux

package run

import (
	"maps"
	"slices"
	"testing"
)

func TestParseSpecs(t *testing.T) {
	got, err := ParseSpecs("c_epoll, iomux  -backend poll,iomux,iomux, b=gnet -edge,gnet -x=y")
	var labels, commands []string
	for _, s := range got {
		labels = append(labels, s.Label())
		commands = append(commands, s.Command())
	}
	if want := []string{"c_epoll", "iomux -backend poll", "iomux", "iomux #2", "b", "gnet -x=y"}; err != nil || !slices.Equal(labels, want) {
		t.Errorf("labels %q, %v; want %q", labels, err, want)
	}
	if want := []string{"c_epoll", "iomux -backend poll", "iomux", "iomux", "gnet -edge", "gnet -x=y"}; !slices.Equal(commands, want) {
		t.Errorf("commands %q, want %q", commands, want)
	}
	for _, list := range []string{"quick", "all"} {
		if specs, err := ParseSpecs(list); err != nil || len(specs) < 6 {
			t.Errorf("%s: %v, %v", list, specs, err)
		}
	}
	for _, list := range []string{"", "c_epoll,", "nobody", "x=", "=gnet", "x=nobody", "x=gnet,x=iomux"} {
		if specs, err := ParseSpecs(list); err == nil {
			t.Errorf("%q: %v, want an error", list, specs)
		}
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

func TestClientSample(t *testing.T) {
	s, err := clientSample("messages 1000 seconds 0.5 rate 2000 cpu_ns 5000 p50_us 40.5 p99_us 80\n")
	if err != nil || s.Messages != 1000 || s.Rate != 2000 || s.CPU != 5000 || s.P50 != 40.5 || s.P99 != 80 {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, line := range []string{"", "messages", "messages x", "messages 0 rate 1"} {
		if s, err := clientSample(line); err == nil {
			t.Errorf("%q: %+v, want an error", line, s)
		}
	}
}
