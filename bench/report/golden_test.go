package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"example.com/iomux/bench/result"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; go test ./report -update writes it anew. Now:\n%s", file, got)
	}
}

func tables(t *testing.T, r *result.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, o := range r.Scenarios {
		if err := Table(&b, o); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func page(t *testing.T, r *result.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func benchText(t *testing.T, r *result.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := GoBench(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func changesText(t *testing.T, old, new *result.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Changes(&b, result.Compare([]*result.Report{old}, []*result.Report{new}, "", result.Drift)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func versusText(t *testing.T, r *result.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Changes(&b, r.Versus()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	golden(t, "table.txt", tables(t, rich(t)))
	golden(t, "gobench.txt", benchText(t, rich(t)))
	golden(t, "page.html", page(t, rich(t)))
	old, new := changed(t, map[string]float64{"iomux": 1.1, "gnet": 0.93, hostile[0]: 2.5})
	golden(t, "changes.txt", changesText(t, old, new))
	golden(t, "versus.txt", versusText(t, versus(t)))
}

// The same report is the same text each time, however maps are ordered.
func TestSameEachTime(t *testing.T) {
	r := reference(t)
	for range 5 {
		if !bytes.Equal(page(t, r), page(t, r)) || !bytes.Equal(tables(t, r), tables(t, r)) {
			t.Fatal("another text for the same report")
		}
	}
}
