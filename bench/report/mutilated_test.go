package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.com/iomux/bench/result"
)

// A report in which anything may be missing, or be what it should not be, is
// refused or shown.
func TestMutilated(t *testing.T) {
	r := rich(t)
	r.Pair = result.NewPair("gnet", "iomux", 1)
	for _, o := range r.Scenarios {
		for _, row := range o.Rows {
			row.Samples = row.Samples[:min(7, len(row.Samples))]
		}
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	shown := 0
	for range 150 {
		var doc any
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		often := 1 << (2 + random.IntN(8))
		text, err := json.Marshal(mutilate(random, often, doc))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(`"format":0`), []byte(`"format":1`), 1)
		odd, err := result.Read(bytes.NewReader(text))
		if err != nil {
			continue
		}
		shown++
		text = page(t, odd)
		if err := balanced(text); err != nil {
			t.Error(err)
		}
		for _, p := range svgs(text) {
			if err := xmlError(p); err != nil {
				t.Errorf("%v in %s", err, p)
			}
			if bytes.Contains(p, []byte("NaN")) || bytes.Contains(p, []byte("Inf")) {
				t.Errorf("no place: %s", p)
			}
		}
		said := string(bytes.Join([][]byte{tables(t, odd), benchText(t, odd), changesText(t, odd, r), changesText(t, r, odd), versusText(t, odd)}, nil))
		for line := range strings.Lines(said) {
			if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
				t.Errorf("what is not a number is shown: %s", line)
			}
		}
	}
	if shown < 50 {
		t.Errorf("only %d can be read", shown)
	}
}

// mutilate changes one of so many values, or leaves it out.
func mutilate(random *rand.Rand, often int, v any) any {
	hit := random.IntN(often) == 0
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if random.IntN(4*often) == 0 && key != "format" && key != "samples" {
				delete(v, key)
			} else {
				v[key] = mutilate(random, often, v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = mutilate(random, often, v[i])
		}
		if hit && len(v) > 1 {
			return v[:1]
		}
	case float64:
		if hit {
			if v != float64(int(v)) {
				return []float64{0, -v, 1e308, -1e308, 5e-324, 1e6 * v}[random.IntN(6)]
			}
			return float64([]int{0, -1, 1, 1 << 40}[random.IntN(4)])
		}
	case string:
		if hit {
			return hostile[random.IntN(len(hostile))]
		}
	}
	return v
}
