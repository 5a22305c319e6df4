package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/iomux/cmd/internal/study/scenario"
)

var updateStudy = flag.Bool("update-study", false, "write the golden transcripts of study trace anew")

// The stable transcript of each backend is the one that is kept, with the names that the
// calls have on Linux.
func TestStudyTraceGolden(t *testing.T) {
	for _, b := range scenario.Names() {
		t.Run(b, func(t *testing.T) {
			if err := scenario.Backend(b).Here(); err != nil {
				t.Skip(err)
			}
			r := call(t, "", "study", "trace", "--stable", "--backend", b)
			if r.status != 0 || r.stderr != "" {
				t.Fatalf("%+v", r)
			}
			golden := filepath.Join("testdata", "study", "ping-pong."+b+".txt")
			if *updateStudy {
				if err := os.WriteFile(golden, []byte(r.stdout), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(want), "epoll") != strings.HasPrefix(b, "epoll") {
				t.Errorf("%s is not of %s", golden, b)
			}
			if r.stdout != string(want) {
				t.Errorf("it is not as in %s (go test -update-study writes it anew):\n%s", golden, r.stdout)
			}
		})
	}
}
