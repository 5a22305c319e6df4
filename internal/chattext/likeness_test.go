package chattext_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"example.com/iomux/internal/chattext"
)

// looks is what UTS 39 says of what looks like what, as in unicode.txt.
func looks(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("unicode.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]string{}
	section := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		if name, ok := strings.CutPrefix(in.Text(), "@"); ok {
			section = name
		} else if section == "looks" && in.Text()[0] != '#' {
			from, to, _ := strings.Cut(in.Text(), " ")
			list[characters(t, from)] = characters(t, to)
		}
	}
	if len(list) < 1000 {
		t.Fatalf("unicode.txt has %d lines of what looks alike, want more than 1000", len(list))
	}
	return list
}

func characters(t *testing.T, hex string) string {
	t.Helper()
	var s []rune
	for h := range strings.FieldsSeq(hex) {
		n, err := strconv.ParseUint(h, 16, 21)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, rune(n))
	}
	return string(s)
}

// Two characters that look alike make two names that look alike: one fold, or one of
// them refused.
func TestWhatLooksAlikeFoldsAlike(t *testing.T) {
	// Those of which one case looks like what the other does not, and this shows either
	// within one script or by a mark: nothing is refused for that. Greek η looks like
	// an n with a mark, and has the fold of H, which its upper case looks like.
	except := map[string]bool{"η": true, "Б": true, "Ҋ": true}
	for _, r := range "ƁƉƊƑƘƤƬƳƼꞵ" {
		except[string(r)] = true
	}
	alike := map[string][]string{}
	for r, like := range looks(t) {
		if except[r] {
			continue
		}
		if alike[like] == nil {
			alike[like] = []string{like}
		}
		alike[like] = append(alike[like], r)
	}
	pairs := 0
	for _, group := range alike {
		folds := map[string]string{}
		for _, r := range group {
			// Thrice, for a name all of whose letters are so.
			if _, fold, err := chattext.Nick(r + r + r); err == nil {
				folds[fold] += " " + r
				pairs++
			}
		}
		if len(folds) > 1 {
			t.Errorf("look alike and have several folds: %q", folds)
		}
	}
	if pairs < 500 {
		t.Errorf("%d names compared, want more than 500", pairs)
	}
}

// Letters and digits of ASCII are only those of each other that they look like.
func TestASCIIFoldsApart(t *testing.T) {
	const ascii = "0123456789abcdefghijklmnopqrstuvwxyz"
	had := map[string]string{}
	for _, r := range ascii + strings.ToUpper(ascii[10:]) {
		c := strings.ToLower(string(r))
		_, fold, err := chattext.Nick(string(r))
		if err != nil {
			t.Fatalf("Nick(%q): %v", r, err)
		}
		if !strings.Contains(had[fold], c) {
			had[fold] += c
		}
	}
	var shared []string
	for _, all := range had {
		if len(all) > 1 {
			shared = append(shared, all)
		}
	}
	if len(had) != len(ascii)-3 || len(shared) != 2 || !(shared[0]+shared[1] == "0o1il" || shared[0]+shared[1] == "1il0o") {
		t.Errorf("%d folds; shared by %q, want 0o and 1il", len(had), shared)
	}
}
