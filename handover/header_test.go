//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"example.com/iomux/internal/sys"
)

// good are headers as they are sent.
func good() []header {
	long := header{File: fileID{1 << 63, 1<<64 - 1}}
	for i := range 64 {
		long.Sockets = append(long.Sockets, entry{strings.Repeat("ü", maxName/2), fmt.Sprintf("tcp://[2001:db8::%x]:65535", i), maxFiles / 64})
	}
	return []header{
		{Sockets: []entry{}},
		{File: fileID{1, 2}, Sockets: []entry{{"web", "tcp://127.0.0.1:7000", 2}}},
		{Sockets: []entry{{"", "unix:///run/a%20b", 1}, {"a<b>&", "unix:@x%00y", 1}, {"", "unix:relative", 1}, {"", "tcp://[fe80::1%252]:1", 1}}},
		{Sockets: []entry{{"", "unix:///" + strings.Repeat("%20", 107), 1}}},
		long,
	}
}

// What is sent is what arrives.
func TestHeader(t *testing.T) {
	for _, h := range good() {
		line, err := h.line()
		if err != nil {
			t.Errorf("%+v: %v", h, err)
			continue
		}
		if strings.Contains(line, "\n") || len(line) >= maxHeader {
			t.Errorf("%q is not a line of less than %d bytes", line, maxHeader)
		}
		got, err := parseHeader(line)
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%s: got %+v, %v", line, got, err)
		}
	}
	sockets := []Socket{{Name: "web", URL: "tcp://127.0.0.1:1", Files: make([]*os.File, 3)}, {URL: "udp://127.0.0.1:2", Files: make([]*os.File, 1)}}
	h := newHeader(sys.FileID{Dev: 1, Ino: 2}, sockets)
	if want := (header{fileID{1, 2}, []entry{{"web", "tcp://127.0.0.1:1", 3}, {"", "udp://127.0.0.1:2", 1}}}); !reflect.DeepEqual(h, want) || h.files() != 4 {
		t.Errorf("%+v with %d files, want %+v", h, h.files(), want)
	}
}

// What is beyond the bounds is neither sent nor taken.
func TestHeaderBounds(t *testing.T) {
	many := make([]entry, maxFiles+1)
	for i := range many {
		many[i] = entry{"", "tcp://127.0.0.1:1", 1}
	}
	wide := make([]entry, maxFiles)
	for i := range wide {
		wide[i] = entry{strings.Repeat("n", maxName), "tcp://127.0.0.1:1", 1}
	}
	const maxInt = int(^uint(0) >> 1)
	for _, list := range [][]entry{
		many, wide,
		{{"", "tcp://127.0.0.1:1", maxFiles + 1}},
		{{"", "tcp://127.0.0.1:1", maxFiles}, {"", "tcp://127.0.0.1:2", 1}},
		{{"", "tcp://127.0.0.1:1", maxInt}, {"", "tcp://127.0.0.1:2", maxInt}},
		{{"", "tcp://127.0.0.1:1", 0}},
		{{"", "tcp://127.0.0.1:1", -1}},
		{{"", "tcp://127.0.0.1:1", maxFiles}, {"", "tcp://127.0.0.1:2", -maxFiles}},
		{{"", "", 1}}, {{"", "127.0.0.1:1", 1}}, {{"", "/run/x", 1}}, {{"", "tcp://[::1", 1}}, {{"", "unix:///%zz", 1}},
		{{"", "unix:a\nb", 1}}, {{"", "unix:///ü", 1}}, {{"", "unix:///a b", 1}}, {{"", "unix:" + strings.Repeat("x", maxURL), 1}},
		{{strings.Repeat("n", maxName+1), "tcp://127.0.0.1:1", 1}},
		{{"a\nb", "tcp://127.0.0.1:1", 1}}, {{"\x1b[2J", "tcp://127.0.0.1:1", 1}}, {{"\u009b", "tcp://127.0.0.1:1", 1}}, {{"\xff", "tcp://127.0.0.1:1", 1}},
	} {
		h := header{Sockets: list}
		if line, err := h.line(); err == nil {
			t.Errorf("%.200s is sent", line)
		}
	}
	for _, text := range []string{
		"", "{", "[]", "null x", `"x"`, `{"sockets":{}}`, `{"sockets":[1]}`, `{"file":{"dev":-1}}`, `{"file":{"dev":18446744073709551616}}`,
		`{"sockets":[{"url":"tcp://127.0.0.1:1","files":1e9}]}`, `{"sockets":[{"url":"tcp://127.0.0.1:1","files":1.5}]}`,
		`{"sockets":[{"url":"tcp://127.0.0.1:1"}]}`, `{"sockets":[]}{}`, strings.Repeat("[", 20000),
	} {
		h, err := parseHeader(text)
		want(t, fmt.Sprintf("%.50q", text), err, ErrProtocol)
		if !reflect.DeepEqual(h, header{}) {
			t.Errorf("%.50q: %+v in spite of the error", text, h)
		}
	}
	// A later version may say more.
	if _, err := parseHeader(`{"file":{"dev":1,"ino":2,"gen":3},"sockets":[{"url":"tcp://127.0.0.1:1","files":1,"new":[]}],"pid":4}`); err != nil {
		t.Error(err)
	}
}

// A header either is refused as ErrProtocol or lies within the bounds and is the
// same once it was sent again.
func FuzzParseHeader(f *testing.F) {
	for _, h := range good() {
		line, err := h.line()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add(`{"sockets":[{"url":"tcp://127.0.0.1:1","files":-1},{"url":"tcp://127.0.0.1:1","files":1e3}]}`)
	f.Add(`{"Sockets":[{"URL":"unix:\u0000","Files":1}],"file":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHeader(text)
		if err != nil {
			want(t, "error", err, ErrProtocol)
			return
		}
		n := 0
		for _, e := range h.Sockets {
			if e.Files < 1 || e.Files > maxFiles || len(e.Name) > maxName || len(e.URL) > maxURL {
				t.Fatalf("beyond the bounds: %+v", e)
			}
			n += e.Files
		}
		if n != h.files() || n > maxFiles {
			t.Fatalf("%d files, and files says %d", n, h.files())
		}
		line, err := h.line()
		if err != nil {
			if 7*len(text)+100 < maxHeader { // JSON may be shorter than Go writes it: < is \u003c
				t.Fatal(err)
			}
			return
		}
		again, err := parseHeader(line)
		if err != nil || len(again.Sockets) != len(h.Sockets) || again.File != h.File {
			t.Fatalf("%q: %+v, %v", line, again, err)
		}
		for i := range h.Sockets {
			if h.Sockets[i] != again.Sockets[i] {
				t.Fatalf("%+v became %+v", h.Sockets[i], again.Sockets[i])
			}
		}
	})
}
