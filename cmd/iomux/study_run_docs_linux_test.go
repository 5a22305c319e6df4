package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/cmd/internal/experiment"
)

// course is the directory of the chapters, seen from here.
const course = "../../docs/study"

// fromClone is how a reader calls the program, at the top of a clone.
const fromClone = "go run ./cmd/iomux"

// pages are those of the course.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(course + "/*.md")
	if err != nil || len(list) == 0 {
		t.Fatalf("found no page, %v", err)
	}
	return list
}

// chapters are the pages that have a number.
func chapters(t *testing.T) []string {
	t.Helper()
	numbered := regexp.MustCompile(`^\d\d-`)
	return slices.DeleteFunc(pages(t), func(name string) bool { return !numbered.MatchString(filepath.Base(name)) })
}

// dialogue is a command of a transcript and what it prints.
type dialogue struct{ command, output string }

// dialogues are those of a block: a command begins with "$ ", and goes on behind a
// backslash.
func dialogues(text string) (list []dialogue) {
	for line := range strings.Lines(text) {
		command, is := strings.CutPrefix(line, "$ ")
		switch last := len(list) - 1; {
		case is:
			list = append(list, dialogue{command: command})
		case last >= 0 && list[last].output == "" && strings.HasSuffix(list[last].command, "\\\n"):
			list[last].command += line
		case last >= 0:
			list[last].output += line
		}
	}
	return list
}

var (
	figure  = regexp.MustCompile(`\b((0x)?[0-9a-f]*[0-9][0-9a-f.]*|[a-f])\b`) // hexadecimal ones of one place too
	gaps    = regexp.MustCompile(` +`)
	trailed = regexp.MustCompile(`(?m) +$`)
)

// withoutFigures is a text without its figures and the gaps between columns.
func withoutFigures(s string) string {
	return trailed.ReplaceAllString(gaps.ReplaceAllString(figure.ReplaceAllString(s, "N"), " "), "")
}

// separator stands between what one command of a block has printed and what the next.
const separator = "==8<==\n"

// Every transcript of the course is what its commands print: byte for byte, but for
// the numbers of a block that is marked "console shape". The commands of a block share
// a shell. A block that needs another program is marked "needs=PROGRAM", one that needs
// many descriptors "fds=NUMBER". A block marked "sh" has to succeed.
func TestCourseTranscripts(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "iomux")); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		scratch := t.TempDir()
		// This program is built already.
		commands := strings.NewReplacer("go build -o /tmp/iomux ./cmd/iomux", "ln -s "+self+" "+scratch+"/iomux",
			fromClone, "iomux", "/tmp/", scratch+"/")
		for _, b := range fences(t, page) {
			var list []dialogue
			switch kind, _, _ := strings.Cut(b.info, " "); kind {
			case "console":
				list = dialogues(b.text)
			case "sh":
				list = []dialogue{{command: b.text}}
			default:
				continue
			}
			t.Run(fmt.Sprintf("%s line %d", filepath.Base(page), b.line), func(t *testing.T) {
				needs(t, b.info)
				script := "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
				for _, d := range list {
					script += commands.Replace(d.command) + "echo '" + strings.TrimSpace(separator) + "'\n"
				}
				cmd := exec.CommandContext(t.Context(), shell, "-c", script)
				cmd.Dir = "../.."
				cmd.Env = environment("PATH=" + bin + ":" + os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s\n%s", err, script, out)
				}
				printed := strings.Split(strings.ReplaceAll(string(out), scratch+"/", "/tmp/"), separator)
				for i, d := range list {
					got, want := whole(printed[i]), d.output
					switch {
					case strings.HasPrefix(b.info, "sh"):
					case strings.Contains(b.info, " shape"):
						if withoutFigures(got) != withoutFigures(want) {
							t.Errorf("%sprints\n%s\nwhose shape is another than that of\n%s", d.command, got, want)
						}
					case got != want:
						t.Errorf("%sprints\n%s\nthe page has\n%s", d.command, got, want)
					}
				}
			})
		}
	}
}

var resumed = regexp.MustCompile(`<\.\.\. (\w+) resumed>`)

// whole puts together what strace writes in two parts, because the call of another thread
// came between; the blocks print but one of the parts: of epoll_ctl the first, of a wait
// the second.
func whole(text string) string {
	return resumed.ReplaceAllString(strings.ReplaceAll(text, " <unfinished ...>", ") = 0"), "$1(9, ")
}

// needs skips the test of a block that cannot be run here.
func needs(t *testing.T, info string) {
	t.Helper()
	for word := range strings.FieldsSeq(info) {
		if tool, ok := strings.CutPrefix(word, "needs="); ok {
			wantTool(t, tool)
		}
		if number, ok := strings.CutPrefix(word, "fds="); ok {
			n, err := strconv.ParseUint(number, 10, 64)
			var limit unix.Rlimit
			if err := errors.Join(err, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)); err != nil {
				t.Fatal(err)
			}
			if limit.Max < n {
				t.Skipf("%d descriptors are too few", limit.Max)
			}
		}
	}
}

// wantTool skips a test for want of a program, or fails it where all have to be there.
func wantTool(t *testing.T, tool string) {
	t.Helper()
	_, err := exec.LookPath(tool)
	if err == nil && tool == "strace" { // which a sandbox may forbid
		err = exec.CommandContext(t.Context(), tool, "-o", os.DevNull, "true").Run()
	}
	if err != nil {
		if os.Getenv("IOMUX_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skipf("%s is missing: %v", tool, err)
	}
}

// The course has all experiments, and each chapter what a chapter is to have.
func TestCourseIsWhole(t *testing.T) {
	shown := map[string]bool{}
	for _, page := range chapters(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, heading := range []string{"# ", "## Try it", "## What to look at", "## A question", "## In iomux"} {
			if !strings.Contains("\n"+string(text), "\n"+heading) {
				t.Errorf("%s has no %q", page, heading)
			}
		}
		if n := strings.Count(string(text), "\n"); n < 60 || n > 150 {
			t.Errorf("%s has %d lines", page, n)
		}
		transcripts := 0
		for _, b := range fences(t, page) {
			if !strings.HasPrefix(b.info, "console") {
				continue
			}
			for _, e := range dialogues(b.text) {
				transcripts++
				if name, ok := strings.CutPrefix(e.command, fromClone+" study run "); ok {
					shown[strings.TrimSpace(name)] = true
				}
			}
		}
		if transcripts == 0 {
			t.Errorf("%s has no transcript", page)
		}
	}
	for _, e := range experiment.All() {
		if !shown[e.Name] {
			t.Errorf("no chapter has the experiment %s", e.Name)
		}
	}
}

// The index of the course has every page, and that of the documents the index of the
// course and every other document.
func TestIndexesAreWhole(t *testing.T) {
	for index, pattern := range map[string]string{course + "/README.md": course + "/*.md", course + "/../README.md": course + "/../*.md"} {
		text, err := os.ReadFile(index)
		if err != nil {
			t.Fatal(err)
		}
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			if name := filepath.Base(page); name != "README.md" && !strings.Contains(string(text), "]("+name+")") {
				t.Errorf("%s has no link to %s", index, name)
			}
		}
	}
	text, err := os.ReadFile(course + "/../README.md")
	if err != nil || !strings.Contains(string(text), "](study/README.md)") {
		t.Errorf("docs/README.md has no link to the course, %v", err)
	}
}
