package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"example.com/iomux/bench/result"
)

func reports(t *testing.T) map[string]*result.Report {
	pair := rich(t)
	pair.Pair = result.NewPair(hostile[0], hostile[1], 1)
	return map[string]*result.Report{"reference": reference(t), "rich": rich(t), "versus": versus(t), "hostile pair": pair, "empty": {Format: result.Format}}
}

func TestPageIsWellFormed(t *testing.T) {
	for name, r := range reports(t) {
		text := page(t, r)
		if err := balanced(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		pictures := svgs(text)
		if name != "empty" && len(pictures) < 5 {
			t.Errorf("%s: %d pictures", name, len(pictures))
		}
		for _, p := range pictures {
			if err := xmlError(p); err != nil {
				t.Errorf("%s: %v in %s", name, err, p)
			}
		}
	}
}

// balanced checks that every element ends where it should.
func balanced(text []byte) error {
	z := html.NewTokenizer(bytes.NewReader(text))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				return errors.New("not ended: " + strings.Join(open, " "))
			}
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		case html.StartTagToken:
			if tag, _ := z.TagName(); string(tag) != "meta" {
				open = append(open, string(tag))
			}
		case html.EndTagToken:
			tag, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(tag) {
				return errors.New("</" + string(tag) + "> ends none of " + strings.Join(open, " "))
			}
			open = open[:len(open)-1]
		}
	}
}

// svgs are the pictures of a page, with those inside them.
func svgs(text []byte) [][]byte {
	var found [][]byte
	for depth, start, i := 0, 0, 0; i < len(text); i++ {
		switch {
		case bytes.HasPrefix(text[i:], []byte("<svg")):
			if depth == 0 {
				start = i
			}
			depth++
		case bytes.HasPrefix(text[i:], []byte("</svg>")):
			if depth--; depth == 0 {
				found = append(found, text[start:i+len("</svg>")])
			}
		}
	}
	return found
}

func xmlError(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// nodes calls do for every element of a page.
func nodes(t *testing.T, text []byte, do func(*html.Node)) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			do(n)
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var allowed = strings.Fields(`html head meta title style body header main section h1 h2 h3 p a ul li span dl dt dd code
	table caption thead tbody tr th td div figure figcaption svg desc line text g circle polyline`)

func TestPageHoldsNothingForeign(t *testing.T) {
	for name, r := range reports(t) {
		text := page(t, r)
		nodes(t, text, func(n *html.Node) {
			if !slices.Contains(allowed, n.Data) {
				t.Errorf("%s: an element %s", name, n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src":
					t.Errorf("%s: an attribute %s=%q of %s", name, a.Key, a.Val, n.Data)
				case a.Key == "href" && !strings.HasPrefix(a.Val, "#scenario-"):
					t.Errorf("%s: a link to %s", name, a.Val)
				}
			}
		})
		if bytes.Contains(text, []byte("url(")) || bytes.Contains(text, []byte("@import")) || bytes.Contains(text, []byte("://")) {
			t.Errorf("%s: refers to something outside", name)
		}
		if i := bytes.IndexFunc(text, func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || r == '\u202e' || r == unicode.ReplacementChar)
		}); i >= 0 {
			t.Errorf("%s: a control character: %q", name, text[max(0, i-40):i+20])
		}
	}
}

// What is hostile is shown all the same, as the text that it is.
func TestPageShowsLabels(t *testing.T) {
	doc, err := html.Parse(bytes.NewReader(page(t, rich(t))))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	titles := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			all.WriteString(n.Data)
		}
		titles[attribute(n, "title")] = true
	}
	for _, label := range hostile {
		if !strings.Contains(all.String(), Plain(label)) {
			t.Errorf("%q is not shown", label)
		}
	}
	if !titles[hostile[0]] || !titles[hostile[1]] {
		t.Errorf("titles are not the labels")
	}
}

func TestPageIsAccessible(t *testing.T) {
	for name, r := range reports(t) {
		text := page(t, r)
		ids, wanted := map[string]int{}, []string{}
		nodes(t, text, func(n *html.Node) {
			if id := attribute(n, "id"); id != "" {
				ids[id]++
			}
			wanted = append(wanted, strings.Fields(attribute(n, "aria-labelledby"))...)
			if target, ok := strings.CutPrefix(attribute(n, "href"), "#"); ok {
				wanted = append(wanted, target)
			}
			switch {
			case n.DataAtom == atom.Th && attribute(n, "scope") == "":
				t.Errorf("%s: a th without a scope", name)
			case n.DataAtom == atom.Section && attribute(n, "aria-labelledby") == "":
				t.Errorf("%s: a section without a name", name)
			case n.Data == "svg" && n.Parent.Data != "svg":
				if attribute(n, "role") != "img" || attribute(n, "aria-labelledby") == "" {
					t.Errorf("%s: a picture without role or name", name)
				}
			case attribute(n, "tabindex") != "" && attribute(n, "aria-label") == "":
				t.Errorf("%s: what can be focused has no name", name)
			}
		})
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s: id %s %d times", name, id, n)
			}
		}
		for _, id := range wanted {
			if ids[id] == 0 {
				t.Errorf("%s: no element has the id %s", name, id)
			}
		}
	}
}

func TestPageNamesEveryPeer(t *testing.T) {
	r := reference(t)
	text := string(page(t, r))
	for _, want := range []string{
		"iomux against gnet, by CPU time, in 7 scenarios: ahead in all",
		"c_uring is best, 1.10 times c_epoll",
		"wrong bytes on connection 12", "module lookup disabled", "priority unchanged", "AMD EPYC", "bbr",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, p := range r.Peers {
		if !strings.Contains(text, p.About) && !strings.Contains(text, strings.ReplaceAll(p.About, "'", "&#39;")) {
			t.Errorf("%s is not told of", p.Label)
		}
	}
}
