// Command maketables writes the tables of chattext from Unicode's own data: it takes
// the directory in which confusables.txt and IdentifierType.txt (of UTS 39),
// UnicodeData.txt and DerivedNormalizationProps.txt lie, and writes to standard output.
//
//	go run ./maketables DIRECTORY >unicode.txt
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// accepted are the types of characters (UTS 39, table 1) that a name may have; the
// others are technical, obsolete, of dead scripts, or no letters at all.
var accepted = []string{"Recommended", "Inclusion", "Limited_Use", "Uncommon_Use"}

// character is a line of UnicodeData.txt.
type character struct {
	category string
	class    string   // canonical combining class
	parts    []string // canonical decomposition
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: maketables DIRECTORY")
	}
	dir := os.Args[1]
	characters := map[rune]character{}
	var block rune // the beginning of a range of characters, which has two lines
	for _, f := range lines(dir, "UnicodeData.txt") {
		c := character{category: f[2], class: f[3]}
		if f[5] != "" && f[5][0] != '<' {
			c.parts = strings.Fields(f[5])
		}
		r := parse(f[0])
		switch {
		case strings.HasSuffix(f[1], ", First>"):
			block = r
		case strings.HasSuffix(f[1], ", Last>"):
			for ; block < r; block++ {
				characters[block] = c
			}
		}
		characters[r] = c
	}

	letters, styled := map[rune]bool{}, map[rune]bool{}
	for _, f := range lines(dir, "IdentifierType.txt") {
		for r := range span(f[0]) {
			switch category := characters[r].category; {
			case category == "" || !strings.Contains("L M N", category[:1]) || category == "Me":
			case f[1] == "Not_NFKC":
				styled[r] = true
			case slices.Contains(accepted, f[1]) && category != "No" && category != "Nl":
				letters[r] = true
			}
		}
	}
	excluded := map[rune]bool{}
	for _, f := range lines(dir, "DerivedNormalizationProps.txt") {
		if f[1] == "Full_Composition_Exclusion" {
			for r := range span(f[0]) {
				excluded[r] = true
			}
		}
	}

	var out bytes.Buffer
	fmt.Fprint(&out, "# Of Unicode's data; see LICENSE-UNICODE. Written by maketables from\n"+
		"# confusables.txt, IdentifierType.txt, UnicodeData.txt, DerivedNormalizationProps.txt.\n")
	section := func(name, what string) { fmt.Fprintf(&out, "@%s\n# %s\n", name, what) }

	section("letters", "letters, marks and digits that a name may have")
	ranges(&out, letters)
	section("styled", "those that are another form of others")
	ranges(&out, styled)

	parts := map[rune]bool{} // of letters, taken apart
	var apart func(r rune)
	apart = func(r rune) {
		parts[r] = true
		for _, p := range characters[r].parts {
			apart(parse(p))
		}
	}
	for r := range letters {
		apart(r)
	}
	section("compose", "letters and their two parts; ! those that are kept apart")
	for _, r := range sorted(characters) {
		c := characters[r]
		if len(c.parts) != 2 || !letters[r] && !parts[r] && !letters[parse(c.parts[0])] {
			continue
		}
		if apart(r); excluded[r] {
			fmt.Fprint(&out, "!")
		}
		fmt.Fprintf(&out, "%X %X %X\n", r, parse(c.parts[0]), parse(c.parts[1]))
	}
	section("order", "marks and their combining class")
	for _, r := range sorted(parts) {
		if class := characters[r].class; class != "0" {
			fmt.Fprintf(&out, "%X %s\n", r, class)
		}
	}
	section("looks", "what looks like what")
	for _, r := range "'[]" {
		parts[r] = true
	}
	seen := map[rune]string{}
	for _, f := range lines(dir, "confusables.txt") {
		seen[parse(f[0])] = f[1]
	}
	for _, r := range sorted(seen) {
		if !parts[r] || characters[r].parts != nil {
			continue
		}
		fmt.Fprintf(&out, "%X", r)
		for p := range strings.FieldsSeq(seen[r]) {
			fmt.Fprintf(&out, " %X", parse(p))
		}
		fmt.Fprintln(&out)
	}
	if _, err := out.WriteTo(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// lines are the lines of a file, in their fields.
func lines(dir, name string) (list [][]string) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f := strings.Split(line, ";")
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		list = append(list, f)
	}
	return list
}

func parse(hex string) rune {
	n, err := strconv.ParseUint(hex, 16, 21)
	if err != nil {
		log.Fatal(err)
	}
	return rune(n)
}

// span yields the characters of a field like 0041..005A.
func span(field string) func(yield func(rune) bool) {
	first, last, more := strings.Cut(field, "..")
	if !more {
		last = first
	}
	return func(yield func(rune) bool) {
		for r := parse(first); r <= parse(last) && yield(r); r++ {
		}
	}
}

func sorted[V any](set map[rune]V) []rune {
	list := make([]rune, 0, len(set))
	for r := range set {
		list = append(list, r)
	}
	slices.Sort(list)
	return list
}

// ranges writes a set as its ranges.
func ranges(out *bytes.Buffer, set map[rune]bool) {
	list := sorted(set)
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		fmt.Fprintf(out, "%X %X\n", list[i], list[j])
		i = j + 1
	}
}
