//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// documents are those that say how this program is called.
var documents = []string{"../README.md", "../docs/bench.md", "README.md"}

// TestCommandsInDocuments runs every command of ours that the documents show,
// with less to do: flags that come later win.
func TestCommandsInDocuments(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	small := strings.Fields("--rounds 1 --dur 5ms --warm 1ms --nice 0 --pin=false")
	n := 0
	for _, line := range shown(t) {
		words := strings.Fields(line)
		args := words[3:]
		if strings.Contains(line, `"`) {
			args = quoted(line)[3:]
		}
		n++
		t.Run(line, func(t *testing.T) {
			verb := "run"
			if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				verb, args = args[0], args[1:]
			}
			switch verb {
			case "run":
				args = append(append(args, small...), "--out", filepath.Join(dir, "results"))
			case "report", "compare", "gate":
				results(t, dir, args)
			case "selfcheck":
				_, err := selfcheckFlags(args, os.Stdout)
				if err != nil {
					t.Error(err)
				}
				return
			}
			if status, stdout, stderr := bench(t, verb, args...); status != 0 {
				t.Errorf("status %d: %s%s", status, stdout, stderr)
			}
		})
	}
	if n < 5 {
		t.Errorf("found %d commands", n)
	}
}

// shown is the commands in the documents' blocks for a shell.
func shown(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, name := range documents {
		text, err := os.ReadFile(filepath.Join(here, name))
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

// here is where the tests began.
var here, _ = os.Getwd()

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

// results makes the files that a command names.
func results(t *testing.T, dir string, args []string) {
	t.Helper()
	for _, name := range args {
		if filepath.Ext(name) != ".json" {
			continue
		}
		status, stdout, stderr := bench(t, "run --rounds 1 --dur 5ms --warm 1ms --nice 0 --pin=false --scenarios 2x8", "--peers", "gonet,iomux", "--out", filepath.Join(dir, strings.TrimSuffix(name, ".json")))
		if status != 0 {
			t.Fatalf("status %d: %s%s", status, stdout, stderr)
		}
	}
}
