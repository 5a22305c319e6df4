package transcript

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTextIsPrintedAsItIsRead(t *testing.T) {
	for _, s := range []string{
		`"a"`, `"\x00\xff\r\n\"\\"`, `"欢迎 é"`, `"\u00a0"`, `"<CTIME>"`, `"[<CTIME>] <HOST>:<PORT> "`,
		`"<N:a>,<N:a+1>;<PID>."`, `"<SERVER-HOST><SERVER-PORT>"`, `"\x3cCTIME>"`, `"\x3cFOO> \\<HOST>"`, `"<a> < <b:1> <->"`, `"\x3cN:a+0>"`,
	} {
		text, err := parseQuoted(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if text.String() != s {
			t.Errorf("%s is printed %s", s, text)
		}
	}
	text, err := parseQuoted(`"\x3cCTIME>\\<HOST>"`)
	if err != nil || len(text.parts) != 2 || text.parts[0].literal != `<CTIME>\` || text.parts[1].kind != host {
		t.Errorf("got %#v, %v", text, err)
	}
}

func TestTextsThatAreNone(t *testing.T) {
	for s, want := range map[string]string{
		`"`:              "not in Go's quotes",
		`"a`:             "not in Go's quotes",
		`"a" b`:          "nothing behind it",
		`"\q"`:           "not in Go's quotes",
		"`a`x":           "not in Go's quotes",
		`"<FOO>"`:        "want one of <CTIME>, <PID>, <N>, <HOST>, <PORT>, <SERVER-HOST>, <SERVER-PORT>",
		`"<HOST:a>"`:     "only <PID> and <N>",
		`"<CTIME:a>"`:    "only <PID> and <N>",
		`"<PID:a+1> "`:   "only <N> does",
		`"<N:A> "`:       "want <KIND>, <KIND:name> or <N:name+1>",
		`"<N:> "`:        "want <KIND>",
		`"<N:a+0> "`:     "want <KIND>",
		`"<N:a+> "`:      "want <KIND>",
		`"<N:1> "`:       "want <KIND>",
		`"a<N>"`:         "where <N> ends",
		`"<N>1"`:         "where <N> ends",
		`"<N:a><CTIME>"`: "where <N:a> ends",
		`"<PID>"`:        "where <PID> ends",
		`"<N:a+1>\x30"`:  "where <N:a+1> ends",
	} {
		if _, err := parseQuoted(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", s, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	known := map[string]string{host: "127.0.0.1", port: "41000", serverHost: "::1", serverPort: "7"}
	for _, m := range []struct {
		text, in string
		got      string // what is read of it
		err      error
	}{
		{"", "abc", "", nil},
		{"ab", "abc", "ab", nil},
		{"ab", "axc", "ax", errDiffers},
		{"ab", "a", "a", io.EOF},
		{"[<CTIME>]", "[Fri Nov 20 16:16:56 2026]", "[Fri Nov 20 16:16:56 2026]", nil},
		{"[<CTIME>]", "[Fri Nov  6 16:16:56 2026]", "[Fri Nov  6 16:16:56 2026]", nil},
		{"<CTIME>", "Fri Nov 06 16:16:56 2026", "Fri Nov 06 16:16:56 2026", errDiffers},
		{"<CTIME>", "Thu Nov 20 16:16:56 2026", "Thu Nov 20 16:16:56 2026", errDiffers},
		{"<CTIME>", "Fri Nov 20 16:16:5", "Fri Nov 20 16:16:5", io.EOF},
		{"<CTIME>", "Fri Nov 20 24:16:56 2026", "Fri Nov 20 24:16:56 2026", errDiffers},
		{"<CTIME>", "Fri\n", "Fri\n", errDiffers}, // what is shorter is not waited for
		{"<HOST>:<PORT>;", "127.0.0.1:41000;", "127.0.0.1:41000;", nil},
		{"<PORT>", "41001", "41001", errDiffers},
		{"<SERVER-HOST>.<SERVER-PORT>", "::1.7", "::1.7", nil},
		{"<N>.", "0.", "0.", nil},
		{"<N>.", "1234567890123456789.", "1234567890123456789.", nil},
		{"<N>.", "12345678901234567890", "12345678901234567890", errDiffers},
		{"<N>.", "01.", "01", errDiffers},
		{"<N>.", "-1.", "-", errDiffers},
		{"<N>.", ".", ".", errDiffers},
		{"<N>.", "12", "12", io.EOF},
		{"<N>.", "12,", "12,", errDiffers},
		{"<PID>.", "1.", "1.", nil},
		{"<PID>.", "0.", "0", errDiffers},
		{"<N:a>,<N:b>,<N:a>.", "7,8,7.", "7,8,7.", nil},
		{"<N:a>,<N:a>.", "7,8.", "7,8", errDiffers},
		{"<N:a>,<N:a+1>,<N:a+20>.", "9,10,29.", "9,10,29.", nil},
		{"<N:a>,<N:a+1>.", "9,9.", "9,9", errDiffers},
		{"<N:a+2>,<N:a>.", "9,7.", "9,7.", nil},
		{"<N:a>,<PID:a>.", "9,7.", "9,7.", nil},
		{"<PID:a>,<PID:a>.", "9,7.", "9,7", errDiffers},
	} {
		text, err := ParseText(m.text)
		if err != nil {
			t.Fatalf("%s: %v", m.text, err)
		}
		in := bytes.NewReader([]byte(m.in))
		got, err := text.match(in, values{known, map[string]uint64{}})
		if string(got) != m.got || !errors.Is(err, m.err) {
			t.Errorf("%s: got %q, %v of %q, want %q, %v", m.text, got, err, m.in, m.got, m.err)
		}
		if rest, _ := io.ReadAll(in); err == nil && string(rest) != m.in[len(m.got):] {
			t.Errorf("%s: left %q of %q", m.text, rest, m.in)
		}
	}
}

// A connection of Unix sockets has neither host nor port.
func TestUnknownValue(t *testing.T) {
	text, err := ParseText("<HOST>")
	if err != nil {
		t.Fatal(err)
	}
	if err := text.Match("127.0.0.1", nil); err == nil || !strings.Contains(err.Error(), "such a connection has none") {
		t.Errorf("got %v", err)
	}
}

func TestOutput(t *testing.T) {
	text, err := ParseText("port <SERVER-PORT>\n('127.0.0.1', <N:a>)\n<N:a>\n\"\\x41\"\n")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{serverPort: "80"}
	for got, want := range map[string]string{
		"port 80\n('127.0.0.1', 5)\n5\n\"\\x41\"\n":  "",
		"port 81\n('127.0.0.1', 5)\n5\n\"\\x41\"\n":  "line 1",
		"port 80\n('127.0.0.1', 5)\n6\n\"\\x41\"\n":  "line 3",
		"port 80\n('127.0.0.1', 5)\n5\n":             "line 4",
		"port 80\n('127.0.0.1', 5)\n5\n\"\\x41\"\nx": "line 5",
		"": "line 1",
	} {
		err := text.Match(got, known)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "differs in "+want+"\n")) {
			t.Errorf("%q: got %v, want %q", got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "('127.0.0.1', <N:a>)\n") {
			t.Errorf("%v does not show what is wanted", err)
		}
	}
}
