package report

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/net/html"
)

func TestStub(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, reference(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := html.Parse(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/report-page/report.html", b.Bytes(), 0o644)
	for _, o := range reference(t).Scenarios {
		Table(os.Stdout, o)
	}
}
