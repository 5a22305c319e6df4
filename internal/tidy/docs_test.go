//go:build unix

package tidy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a document.
type block struct {
	doc  string // path from the top
	line int    // of its first line
	info string // what stands behind the opening fence
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.doc, b.line) }

// blocks finds the fenced blocks of a document.
func blocks(t *testing.T, doc string) (list []block) {
	t.Helper()
	var open *block
	for i, line := range strings.SplitAfter(read(t, doc), "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &block{doc: doc, line: i + 2, info: fence}
		case isFence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Errorf("%v: the block does not end", open)
	}
	return list
}

// documents are the Markdown files of the tree.
func documents(t *testing.T) (list []string) {
	t.Helper()
	files(t, func(name string) { list = append(list, name) }, ".md")
	return list
}

// workspace makes a module in a directory of its own that sees the modules of
// the tree as their neighbours do, and returns the directory and what to add to
// the environment for the go command to see it.
func workspace(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var work struct {
		Go      string
		Use     []struct{ DiskPath string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal([]byte(output(t, nil, "go", "work", "edit", "-json")), &work); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("go %s\n\nuse %q\n", work.Go, dir)
	for _, use := range work.Use {
		text += fmt.Sprintf("use %q\n", filepath.Join(top, use.DiskPath))
	}
	for _, r := range work.Replace {
		to := r.New.Path + " " + r.New.Version
		if r.New.Version == "" {
			to = fmt.Sprintf("%q", filepath.Join(top, r.New.Path))
		}
		text += fmt.Sprintf("replace %s %s => %s\n", r.Old.Path, r.Old.Version, to)
	}
	write(t, filepath.Join(dir, "go.work"), text)
	write(t, filepath.Join(dir, "go.mod"), fmt.Sprintf("module docs.example\n\ngo %s\n", work.Go))
	if sums, err := os.ReadFile(filepath.Join(root, "go.work.sum")); err == nil {
		write(t, filepath.Join(dir, "go.work.sum"), string(sums))
	}
	return dir, []string{"GOWORK=" + filepath.Join(dir, "go.work")}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// A block marked "go" is a whole file and compiles; a part of one is marked
// "go fragment".
func TestGoBlocksCompile(t *testing.T) {
	dir, env := workspace(t)
	n := 0
	for _, doc := range documents(t) {
		for _, b := range blocks(t, doc) {
			if b.info != "go" {
				continue
			}
			n++
			name := "block.go"
			if regexp.MustCompile(`(?m)^package \w+_test$`).MatchString(b.text) {
				name = "block_test.go"
			}
			// The go command then names the document, not the copy.
			text := fmt.Sprintf("//line %s:%d\n%s", b.doc, b.line, b.text)
			write(t, filepath.Join(dir, fmt.Sprintf("block%d", n), name), text)
		}
	}
	if n == 0 {
		t.Fatal("found no block")
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

func TestLinksLead(t *testing.T) {
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, doc), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			name, anchor, _ := strings.Cut(m[1], "#")
			to := doc
			if name != "" {
				to = path.Join(path.Dir(doc), name)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
				continue
			}
			if anchor != "" && !anchors(read(t, to))[anchor] {
				t.Errorf("%s links to %s: there is no such heading", doc, m[1])
			}
		}
	}
}

// anchors are the names that a document's headings get where it is shown.
func anchors(text string) map[string]bool {
	set := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		set[strings.ReplaceAll(name, " ", "-")] = true
	}
	return set
}
