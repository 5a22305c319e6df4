package transcript

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// whole has every kind of line.
const whole = `# why

A> CONNECT
B> "hi\n"
#
A< "hi"
B< hex:00ff
B< "<CTIME> <PID:x>."
A> hex:3c4e3e
A> TAKEN
A< NOTHING
B> EOF
A> "x"
A< EMPTY
A> EMPTY
A< EOF
B< EOF
`

func TestScriptIsPrintedAsItIsRead(t *testing.T) {
	for _, text := range []string{whole, "> \"x\"\n", "\n\n< EOF\n\n", "a-b_2> EOF\n"} {
		s, err := Parse("x.wire", text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if s.String() != text {
			t.Errorf("got:\n%swant:\n%s", s, text)
		}
	}
	// Other ways to write the same.
	for text, want := range map[string]string{
		" \t> \"\\x41\"  \r\n#why \n<   EOF": "",
		`> "é"`:                              "> \"é\"\n",
		`> "\u00e9"`:                         "> \"é\"\n",
		"A> hex:FF":                          "A> hex:ff\n",
		"#  a\n#\n< EOF\n":                   "# a\n#\n< EOF\n",
	} {
		s, err := Parse("x.wire", text)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken", text)
			}
			continue
		}
		if err != nil || s.String() != want {
			t.Errorf("%q: got %q, %v", text, s, err)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for _, f := range []struct{ text, want string }{
		{"", "x.wire: there is nothing to play"},
		{"# why\n\n", "x.wire: there is nothing to play"},
		{"# why\nfoo", `x.wire:2: no line of a transcript, want > "bytes", < "bytes", > EOF, < EOF`},
		{"> bytes", `x.wire:1: no line of a transcript`},
		{"> CLOSE", `x.wire:1: no line of a transcript`},
		{"< CONNECT", `x.wire:1: no line of a transcript`},
		{"> NOTHING", `x.wire:1: no line of a transcript`},
		{"< TAKEN", `x.wire:1: no line of a transcript`},
		{"> ", `x.wire:1: want a blank behind >`},
		{`>"x"`, `x.wire:1: want a blank behind >`},
		{`<"x"`, `x.wire:1: want a blank behind <`},
		{`A > "x"`, `x.wire:1: "A " is no name of a connection, want a letter`},
		{`1> "x"`, `x.wire:1: "1" is no name of a connection`},
		{`é> "x"`, `x.wire:1: "é" is no name of a connection`},
		{`> "x`, `x.wire:1: the text is not in Go's quotes`},
		{`> "x" # why`, `x.wire:1: the text is not in Go's quotes`},
		{"> \"\xff\"", `x.wire:1: the line is not UTF-8, want such a byte as \xff in quotes`},
		{"# \xff", `x.wire:1: the line is not UTF-8`},
		{`> ""`, `x.wire:1: there is no byte in it; an empty datagram is written EMPTY`},
		{`< ""`, `x.wire:1: there is no byte in it`},
		{`> hex:`, `x.wire:1: there is no byte in it`},
		{`> hex:0`, `x.wire:1: hex: `},
		{`> hex:0g`, `want pairs of hexadecimal digits`},
		{`< hex:00 11`, `want pairs of hexadecimal digits`},
		{`> "<N>."`, `x.wire:1: a placeholder cannot be sent`},
		{`< "<FOO>"`, `x.wire:1: <FOO> is no placeholder`},
		{"> \"x\"\n> CONNECT", `x.wire:2: the connection is open since line 1, want CONNECT as its first line`},
		{"> CONNECT\n> CONNECT", `x.wire:2: the connection is open since line 1`},
		{"> EOF\n> \"x\"", `x.wire:2: the client has ended its direction in line 1`},
		{"> EOF\n> EOF", `x.wire:2: the client has ended its direction in line 1`},
		{"> EOF\n> TAKEN", `x.wire:2: the client has ended its direction in line 1`},
		{"< EOF\n< \"x\"", `x.wire:2: the connection has ended in line 1`},
		{"< EOF\n> \"x\"", `x.wire:2: the connection has ended in line 1`},
		{"< EOF\n> EOF", `x.wire:2: the connection has ended in line 1`},
		{"A> \"x\"\n> \"x\"", `x.wire:2: some lines name a connection and some do not`},
		{"> \"x\"\nA> \"x\"", `x.wire:2: some lines name a connection and some do not`},
		{"> \"x\"\n\n< NOTHING", `x.wire:3: nothing proves this NOTHING, want a line behind it`},
		{"> \"x\"\n< NOTHING\n> \"y\"", `x.wire:2: nothing proves this NOTHING`},
		{"A> \"x\"\nA< NOTHING\nB> \"y\"\nB< \"y\"", `x.wire:2: nothing proves this NOTHING`},
		{"> \"x\"\n< NOTHING\n< \"x\"", `x.wire:3: line 2 wants NOTHING, and nothing was sent since`},
	} {
		s, err := Parse("x.wire", f.text)
		if err == nil {
			t.Errorf("%q is taken for %q", f.text, s)
		} else if !strings.Contains(err.Error(), f.want) {
			t.Errorf("%q: got %q, want %q in it", f.text, err, f.want)
		}
	}
}

// A NOTHING is proved by what another client has caused, and by the end.
func TestNothingIsProved(t *testing.T) {
	for _, text := range []string{
		"A> \"x\"\nA< NOTHING\nB> \"y\"\nA< \"y\"",
		"> \"x\"\n< NOTHING\n> EOF\n< EOF",
		"< NOTHING\n< EOF",
		"> \"x\"\n< NOTHING\n> \"y\"\n< \"y\"\n< \"z\"",
	} {
		if _, err := Parse("x.wire", text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestStreamsAndDatagrams(t *testing.T) {
	for _, f := range []struct {
		text             string
		stream, datagram string // the errors
	}{
		{"> \"x\"\n< \"x\"\n", `x.wire:2: the last line of a connection of streams is < EOF`, ""},
		{"A< EOF\nB> \"x\"\nC< EOF\n", `x.wire:2: the last line of a connection of streams is B< EOF`, "x.wire:1: datagrams have no such line"},
		{"> EMPTY\n< EOF\n", "x.wire:1: EMPTY is a datagram, and this is a stream", "x.wire:2: datagrams have no such line"},
		{"> \"x\"\n< EMPTY\n< EOF\n", "x.wire:2: EMPTY is a datagram", "x.wire:3: datagrams have no such line"},
		{"> \"x\"\n> TAKEN\n< EOF\n", "", "x.wire:2: datagrams have no such line"},
		{"> \"x\"\n> EOF\n< EOF\n", "", "x.wire:2: datagrams have no such line"},
		{"> CONNECT\n> EMPTY\n< EMPTY\n", "x.wire:2: EMPTY is a datagram", ""},
	} {
		s, err := Parse("x.wire", f.text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for stream, want := range map[bool]string{true: f.stream, false: f.datagram} {
			err := s.checkKind(stream)
			if err == nil && stream {
				err = s.checkEnds()
			}
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%q, stream %v: got %v, want %q", f.text, stream, err, want)
			}
		}
	}
}

// The files of the tree have the form that a script is printed in.
func TestFilesOfTheTree(t *testing.T) {
	list, err := filepath.Glob("../../servers/*/testdata/*.wire")
	if err != nil || len(list) == 0 {
		t.Fatal("found no file:", err)
	}
	for _, name := range list {
		s := Load(t, name)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != string(text) {
			t.Errorf("%s should be:\n%s", name, s)
		}
	}
}

// What is taken is printed in a form that is taken again, for the same script.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("A> hex:00\nA< \"<N:a>.<N:a+1>.\\x3cPID>\"\nA< EOF\n")
	f.Add("> \"\\\\<\"\n< \"<HOST>:<PORT>\\\"<CTIME>\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("x.wire", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.wire:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse("x.wire", s.String())
		if err != nil {
			t.Fatalf("%q is printed %q: %v", text, s, err)
		}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("%q becomes %q becomes %q", text, s, again)
		}
		for _, l := range s.lines {
			for _, p := range l.text.parts {
				if (p.kind == "") == (p.literal == "") {
					t.Errorf("%q has the part %#v", text, p)
				}
			}
		}
	})
}
