package scenario

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Scenario{
		"100x64":           {Kind: Echo, Conns: 100, Size: 64, Depth: 1},
		"100x64p16":        {Kind: Echo, Conns: 100, Size: 64, Depth: 16},
		"10kx64":           {Kind: Echo, Conns: 10_000, Size: 64, Depth: 1},
		"100xmix4096":      {Kind: Echo, Conns: 100, Size: 4096, Depth: 1, Mixed: true},
		"100xmix4096p4":    {Kind: Echo, Conns: 100, Size: 4096, Depth: 4, Mixed: true},
		"framed16":         {Kind: Echo, Conns: 100, Size: 64, Depth: 16, Frame: true},
		"rate10k":          {Kind: Echo, Conns: 100, Size: 64, Depth: 1, Rate: 10_000},
		"rate500":          {Kind: Echo, Conns: 100, Size: 64, Depth: 1, Rate: 500},
		"slow10":           {Kind: Echo, Conns: 100, Size: 64, Depth: 1, Slow: 10},
		"churn64":          {Kind: Churn, Conns: 64, Size: 64, Depth: 1},
		"idle10k":          {Kind: Idle, Conns: 10_000, Size: 64, Depth: 1},
		"udp16x64p8":       {Kind: UDP, Conns: 16, Size: 64, Depth: 8},
		"chat10k":          {Kind: Room, Conns: 10_000, Size: 64, Depth: 1, Rate: 100},
		"chat10k-burst":    {Kind: Room, Conns: 10_000, Size: 64, Depth: 10, Rate: 100},
		"chat50r200":       {Kind: Room, Conns: 50, Size: 64, Depth: 1, Rate: 200},
		"chat50r200-burst": {Kind: Room, Conns: 50, Size: 64, Depth: 10, Rate: 200},
		"chat100w32":       {Kind: Chat, Conns: 100, Size: 64, Depth: 32},
	} {
		want.Name = name
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"", "x", "100x", "0x64", "100x0", "100x64p0", "100x64p", "-1x64", "99999999x64", "9999999x64", "9999kx64",
		"1x1048577", "1024x1024p1025", "framed1", "framed0", "framed", "rate0", "rate10m", "slow0", "churn0", "idle0", "udp1x7", "udp1x65508",
		"chat5w0", "chat0w1", "100x64 ", "100X64", "chat1", "chat5r0", "chat5-bursts", "chat5r", "100xmix0"} {
		if s, err := Parse(name); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v; want a line of error", name, s, err)
		}
	}
}

func TestLists(t *testing.T) {
	for _, list := range []string{"quick", "all", " 100x64 , rate10k"} {
		all, err := ParseList(list)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
			if s.String() == "" || s.Unit() == "" || strings.Contains(s.String(), "1 connections") {
				t.Errorf("%s: %q, %q", s.Name, s, s.Unit())
			}
		}
		if slices.Contains(names, "") {
			t.Errorf("%s: %q", list, names)
		}
	}
	for _, list := range []string{"", "100x64,", "100x64,100x64", "quick,all"} {
		if all, err := ParseList(list); err == nil {
			t.Errorf("%q: %v, want an error", list, all)
		}
	}
	if len(Usage()) != len(forms) {
		t.Errorf("%q", Usage())
	}
}
