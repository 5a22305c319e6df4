//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
	"syscall"

	"example.com/iomux/cmd/internal/study/explain"
	"example.com/iomux/cmd/internal/study/trace"
	"example.com/iomux/internal/sys"
)

//go:embed page.html
var template string

// Trace is what a page shows.
type Trace struct {
	Title   string
	About   string // what the reader should know first; may be empty
	Records []*trace.Record
}

// step is a record as the page's script has it. Times are in microseconds.
type step struct {
	Note  string      `json:"note,omitempty"`
	At    float64     `json:"at"`
	Took  float64     `json:"took"`
	Loop  int         `json:"loop"`
	Turn  int         `json:"turn"`
	Depth int         `json:"depth"`
	Wait  bool        `json:"wait"`
	Phase trace.Phase `json:"phase"`
	Call  string      `json:"call"`
	To    string      `json:"to"` // what it returned
	Bad   bool        `json:"bad"`
	Why   string      `json:"why"`
	On    []int       `json:"on"`    // the descriptors that it is about
	Table int         `json:"table"` // which of the tables is in force behind it
}

// data is all of the page's.
type data struct {
	Title  string        `json:"title"`
	About  string        `json:"about"`
	Steps  []step        `json:"steps"`
	Tables [][]trace.Row `json:"tables"`
}

// Write writes the page.
func Write(w io.Writer, t Trace) error {
	d := data{Title: t.Title, About: t.About, Steps: []step{}, Tables: [][]trace.Row{{}}}
	explainer := explain.New()
	var style trace.Style
	for _, r := range t.Records {
		s := step{
			Note: r.Note, At: micros(r.At.Nanoseconds()), Took: micros(r.Took.Nanoseconds()),
			Loop: r.Loop, Turn: r.Turn, Depth: r.Depth, Wait: r.Wait, Phase: r.Phase, Why: explainer.Record(r), On: []int{},
		}
		if r.Note == "" {
			s.Call, s.To, s.Bad = style.Call(r), style.Result(r), failed(r.Errno)
			s.On = about(r)
		}
		if r.Table != nil {
			d.Tables = append(d.Tables, r.Table)
		}
		s.Table = len(d.Tables) - 1
		d.Steps = append(d.Steps, s)
	}
	// Marshal escapes <, > and &, so that no text can end the script around it.
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("trace as JSON: %w", err)
	}
	out := strings.NewReplacer(
		"{{policy}}", policy(),
		"{{title}}", html.EscapeString(t.Title),
		"{{data}}", string(text),
	).Replace(template)
	_, err = io.WriteString(w, out)
	return err
}

// failed reports whether an errno is one; EAGAIN and its like are answers.
func failed(e sys.Errno) bool {
	return e != 0 && e != syscall.EAGAIN && e != syscall.EINTR && e != syscall.EINPROGRESS
}

func micros(nanos int64) float64 { return float64(nanos) / 1e3 }

// about is the descriptors of a call, for the table to point at them.
func about(r *trace.Record) []int {
	list := []int{}
	if r.On.FD >= 0 && r.On.Kind != trace.Epoll && r.On.Kind != trace.Kqueue {
		list = append(list, r.On.FD)
	}
	watches := r.Found
	if !r.Wait {
		watches = r.Asked
	}
	for _, a := range watches {
		list = append(list, a.FD)
	}
	if r.New != nil {
		list = append(list, r.New.FD)
	}
	return list
}

// policy lets the page's own script and style run, and nothing be loaded. The script
// must be the last one of the page.
func policy() string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashOf("<script>", "</script>"),
		"style-src " + hashOf("<style>", "</style>"),
		"img-src data:",
		"base-uri 'none'",
		"form-action 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}

// hashOf is how a policy names what is between two tags of the template.
func hashOf(begin, end string) string {
	_, rest, _ := strings.Cut(template, begin)
	text, _, _ := strings.Cut(rest, end)
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
