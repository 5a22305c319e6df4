package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"example.com/iomux/bench/result"
)

// Whatever Read accepts can be shown, and shown safely.
func FuzzReport(f *testing.F) {
	for _, r := range []*result.Report{rich(f), {Format: result.Format}} {
		for _, o := range r.Scenarios {
			for _, row := range o.Rows { // the engine is quick with small inputs only
				row.Samples, row.Latency = row.Samples[:1], row.Latency[:min(2, len(row.Latency))]
			}
		}
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.String())
	}
	const row = `{"format":1,"pair":{"old":"gnet","new":"iomux","alpha":X},"scenarios":[{"scenario":{"name":"x","kind":"KIND"},"base":"a","rows":[
		{"peer":"a","samples":[{"cpu_ns":X,"per_conn":X,"rate":X}],"measures":{"cpu_ns":{"median":X,"low":X,"high":X,"ratio":{"median":X,"low":X,"high":X}}},"latency":[{"percent":X,"us":X},{"percent":99.99999999999999,"us":X},{"percent":50,"us":X}]},
		{"peer":"iomux","samples":[{"cpu_ns":1e-300,"per_conn":5e-324}],"measures":{"cpu_ns":{"ratio":{"median":X,"low":1,"high":X}},"per_conn":{"median":X,"high":X}},"notes":{"a":X},"calls":{"b":X}},
		{"peer":"gnet","samples":[{"round":1}],"measures":null},
		{"peer":"gnet","samples":[{"round":-1,"messages":-5}]}]}]}`
	for _, x := range []string{"0", "-1", "1e308", "-1e308", "5e-324", "1", "1e15", "0.05"} {
		for _, kind := range []string{"echo", "idle", "", "chat"} {
			f.Add(strings.NewReplacer("X", x, "KIND", kind).Replace(row))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := result.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		shown := page(t, r)
		if err := balanced(shown); err != nil {
			t.Error(err)
		}
		for _, p := range svgs(shown) {
			if err := xmlError(p); err != nil {
				t.Errorf("%v in %s", err, p)
			}
		}
		said := bytes.Join([][]byte{tables(t, r), benchText(t, r), changesText(t, r, r), versusText(t, r)}, nil)
		if i := bytes.IndexFunc(said, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
			t.Errorf("a control character in %q", said)
		}
		if err := r.WriteJSON(io.Discard); err != nil {
			t.Error(err)
		}
	})
}
