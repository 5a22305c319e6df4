//go:build linux

package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// documents are those that say how this program is called.
var documents = []string{"../README.md", "../docs/bench.md", "README.md"}

// TestCommandsInDocuments runs every command of ours that the documents show,
// with less to do: flags that come later win.
func TestCommandsInDocuments(t *testing.T) {
	n := 0
	top := t.TempDir() // the commands' names have commas, which divide names of files
	for _, line := range shown(t) {
		n++
		dir := filepath.Join(top, strconv.Itoa(n))
		t.Run(line, func(t *testing.T) {
			verb, args := "run", quoted(line)[3:] // behind go run ./bench
			if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				verb, args = args[0], args[1:]
			}
			switch verb {
			case "run":
				args = append(args, smaller(line, filepath.Join(dir, "results"))...)
			case "versus", "gate":
				if beside(args) {
					args = append(args, smaller("", filepath.Join(dir, "results"))...)
					args = append(args, "--max-rounds", "1", "--scenarios", "2x8")
				} else {
					results(t, top, dir, args)
				}
			case "report", "compare":
				results(t, top, dir, args)
			case "selfcheck":
				if _, err := selfcheckFlags(args, io.Discard); err != nil {
					t.Error(err)
				}
				return
			}
			status, stdout, stderr := bench(t, verb, args...)
			// So short runs may tell nothing.
			if status != 0 && !strings.HasPrefix(stderr, "bench gate: nothing could be judged") {
				t.Errorf("status %d: %s%s", status, stdout, stderr)
			}
		})
	}
	if n < 5 {
		t.Errorf("found %d commands", n)
	}
}

// smaller is flags that make a run short. That all peers do all that they can is
// shown elsewhere.
func smaller(line, prefix string) []string {
	args := []string{"--rounds", "1", "--dur", "50ms", "--warm", "1ms", "--nice", "0", "--pin=false", "--out", prefix}
	if strings.Contains(line, " all ") {
		args = append(args, "--scenarios", "2x8,churn2", "--peers", "gonet,iomux")
	}
	if strings.Contains(line, "chat10k") {
		args = append(args, "--scenarios", "chat20r1000,chat20r1000-burst")
	}
	return args
}

// shown is the commands in the documents' blocks for a shell.
func shown(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		inside := false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "```") {
				inside = strings.TrimSpace(line) == "```sh"
				continue
			}
			command, _, _ := strings.Cut(line, " #")
			command = strings.TrimSpace(command)
			if inside && strings.HasPrefix(command, "go run ./bench") {
				command, _, _ = strings.Cut(command, " > ")
				lines = append(lines, command)
			}
		}
	}
	return lines
}

// quoted splits a line at its spaces but for those between quotation marks.
func quoted(line string) []string {
	inside := false
	words := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			inside = !inside
		}
		return r == ' ' && !inside
	})
	for i := range words {
		words[i] = strings.Trim(words[i], `"`)
	}
	return words
}

// beside puts this tree in the place of the state that a peer is measured beside, and
// reports whether there is one.
func beside(args []string) bool {
	for i, arg := range args {
		if arg == "main" {
			args[i] = ".."
			return true
		}
	}
	return false
}

// results puts results in the place of the files that a command names, in dir. They
// are all the same, made in top the first time.
func results(t *testing.T, top, dir string, args []string) {
	t.Helper()
	made := filepath.Join(top, "made")
	if _, err := os.Stat(made + ".json"); err != nil {
		more := append(smaller("", made), "--scenarios", "2x8", "--peers", "gonet,iomux", "--rounds", "6")
		if status, stdout, stderr := bench(t, "run", more...); status != 0 {
			t.Fatalf("status %d: %s%s", status, stdout, stderr)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, list := range args {
		if filepath.Ext(list) != ".json" {
			continue
		}
		var files []string
		for name := range strings.SplitSeq(list, ",") {
			files = append(files, filepath.Join(dir, name))
			if err := os.Link(made+".json", filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		args[i] = strings.Join(files, ",")
	}
}
