//go:build unix

package tidy

import (
	"regexp"
	"strings"
	"testing"
)

// A tripwire, not a law: a file that outgrows it has probably two subjects.
const maxLines = 400

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if n := strings.Count(read(t, s.name), "\n"); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", s.name, n, maxLines)
		}
	}
}

func TestPackagesHaveADocComment(t *testing.T) {
	documented := map[string]bool{} // by directory
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		begins := "Package " + s.Name.Name + " "
		if s.Name.Name == "main" {
			begins = "Command "
		}
		documented[s.dir] = documented[s.dir] || s.Doc != nil && strings.HasPrefix(s.Doc.Text(), begins)
	}
	for dir, yes := range documented {
		if !yes {
			t.Errorf("%s: no file has a comment that begins with \"Package …\" (\"Command …\" for a program)", dir)
		}
	}
}

func TestNothingIsLeftUnfinished(t *testing.T) {
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	files(t, func(name string) {
		for i, line := range strings.Split(read(t, name), "\n") {
			if mark := marks.FindString(line); mark != "" {
				t.Errorf("%s:%d: %s: finish it, or open an issue", name, i+1, mark)
			}
		}
	}, ".go", ".md", ".yml", ".c", ".h", ".py", ".sh", "/.ci/run", "/.ci/bsd")
}
