//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

// hostile is a text that would be more than text if anything let it.
const hostile = "</script><script>alert(1)</script><!-- {{data}} &amp;"

func write(t *testing.T, tr Trace) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func example() Trace {
	conn := trace.Ref{FD: 8, Kind: trace.Conn, Name: hostile}
	return Trace{Title: hostile, About: hostile, Records: []*trace.Record{
		{Note: hostile},
		{
			Op: "epoll_pwait", On: trace.Ref{FD: 3, Kind: trace.Epoll, Name: "epoll"}, Wait: true, Loop: 1, Turn: 1, Size: 512, Result: 1,
			Phase: trace.Waiting, Found: []trace.Ready{{Ref: conn, Bits: "IN"}}, At: 1500, Took: 2500,
		},
		{Op: sys.OpRead, On: conn, Args: "10", Size: 10, Result: -1, Errno: syscall.ECONNRESET, Loop: 1, Turn: 1, Phase: trace.Dispatch, Ready: "IN"},
		{
			Op: "epoll_ctl", On: trace.Ref{FD: 3, Kind: trace.Epoll, Name: "epoll"}, Verb: "ADD", Loop: 1, Turn: 1,
			Asked: []trace.Ready{{Ref: conn, Bits: "IN"}}, Table: []trace.Row{{Loop: 1, FD: 8, Name: hostile, Bits: "IN"}},
		},
		{Op: sys.OpRead, On: conn, Args: "10", Size: 10, Result: -1, Errno: syscall.EAGAIN, Loop: 1, Turn: 1},
	}}
}

// The page holds what was recorded, as data.
func TestData(t *testing.T) {
	html := write(t, example())
	m := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(html)
	if m == nil {
		t.Fatal("there is no data")
	}
	var d data
	if err := json.Unmarshal([]byte(m[1]), &d); err != nil {
		t.Fatal(err)
	}
	if d.Title != hostile || d.About != hostile || len(d.Steps) != 5 || d.Steps[0].Note != hostile {
		t.Errorf("%+v", d)
	}
	wait, read, ctl, again := d.Steps[1], d.Steps[2], d.Steps[3], d.Steps[4]
	if !wait.Wait || wait.At != 1.5 || wait.Took != 2.5 || wait.Phase != "wait" || len(wait.On) != 1 || wait.On[0] != 8 || wait.Why == "" {
		t.Errorf("%+v", wait)
	}
	if !read.Bad || read.Call != "read(8<"+hostile+">, 10)" || read.To != "-1 ECONNRESET" || read.Table != 0 {
		t.Errorf("%+v", read)
	}
	if again.Bad { // it is an answer
		t.Errorf("%+v", again)
	}
	if ctl.Table != 1 || again.Table != 1 || len(d.Tables) != 2 || len(d.Tables[1]) != 1 || d.Tables[1][0].Name != hostile {
		t.Errorf("%+v, %+v", ctl, d.Tables)
	}
}

// No text becomes markup, and nothing comes from elsewhere.
func TestOnePageWithoutHoles(t *testing.T) {
	plain := example()
	plain.Title, plain.About = "title", "about"
	for _, r := range plain.Records {
		r.Note, r.On.Name = strings.ReplaceAll(r.Note, hostile, "note"), "name"
		for i := range r.Found {
			r.Found[i].Name = "name"
		}
		for i := range r.Asked {
			r.Asked[i].Name = "name"
		}
		for i := range r.Table {
			r.Table[i].Name = "name"
		}
	}
	html := write(t, example())
	for _, mark := range []string{"<script", "</script", "<!--", "<!DOCTYPE"} {
		if got, want := strings.Count(html, mark), strings.Count(write(t, plain), mark); got != want {
			t.Errorf("%s is there %d times, want %d", mark, got, want)
		}
	}
	if m := regexp.MustCompile(`\b(src|href)="[^"]*"`).FindAllString(html, -1); len(m) != 1 || m[0] != `href="data:,"` {
		t.Errorf("it refers to %q", m)
	}
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://", " style=", "onclick"} {
		if strings.Contains(strings.ReplaceAll(html, "http://www.w3.org/2000/svg", ""), sink) {
			t.Errorf("it has %s", sink)
		}
	}
	if left := regexp.MustCompile(`\{\{\w+\}\}`).FindAllString(strings.ReplaceAll(html, "{{data}} \\u0026", ""), -1); len(left) > 1 {
		t.Errorf("not filled in: %q", left) // the title has one, which is text
	}
}

// The policy is that of this very script and style, which are the only ones.
func TestPolicy(t *testing.T) {
	html := write(t, example())
	m := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(html)
	if m == nil {
		t.Fatal("there is none")
	}
	want := []string{"default-src 'none'", "require-trusted-types-for 'script'"}
	for _, tag := range []string{"script", "style"} {
		found := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(html, -1)
		if len(found) != 1 {
			t.Fatalf("there are %d of %s", len(found), tag)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		want = append(want, tag+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	parts := strings.Split(m[1], "; ")
	for _, w := range want {
		if !slices.Contains(parts, w) {
			t.Errorf("%s: want %s", m[1], w)
		}
	}
	if strings.Contains(m[1], "unsafe") {
		t.Error(m[1])
	}
}

// A page of nothing is one, too: the script finds a list, and nothing to show.
func TestNoRecords(t *testing.T) {
	html := write(t, Trace{Title: "nothing"})
	if !strings.Contains(html, `"steps":[]`) {
		t.Error("the steps are no list")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the script cannot be run: node is missing")
	}
	_, rest, _ := strings.Cut(html, "<script>")
	script, _, _ := strings.Cut(rest, "</script>")
	data := regexp.MustCompile(`(?s)id="data">(.*?)</script>`).FindStringSubmatch(html)[1]
	// A document whose every element does nothing, so that what throws is the script.
	const document = `
const any = new Proxy(function () {}, { get: (_, k) => k === Symbol.toPrimitive ? () => 0 : any, set: () => true, apply: () => any });
globalThis.location = { hash: '' };
globalThis.document = { createElement: () => any, createElementNS: () => any, addEventListener: () => {},
  getElementById: id => id === 'data' ? { textContent: process.env.DATA } : any };
`
	cmd := exec.CommandContext(t.Context(), node, "-e", document+script)
	cmd.Env = append(os.Environ(), "DATA="+data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteFails(t *testing.T) {
	if err := Write(broken{}, example()); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
