//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/iomux/internal/transcript"
)

var record = flag.Bool("record", false, "write the transcripts of the classic servers anew, from what Python's answer; then read the difference")

const transcripts = "../servers/classic/testdata"

// reference says which server a transcript is of, and where it is played.
var reference = []struct {
	file     string   // without .wire
	networks []string // of package net
	server   string
	serve    string // as in classic
}{
	{"bare", []string{"tcp", "unix"}, "bare", ""},
	{"binary", []string{"tcp", "unix"}, "binary", ""},
	{"chat", []string{"tcp", "unix"}, "chat", "chat --compat"},
	{"command", []string{"tcp", "unix"}, "command", ""},
	{"echo", []string{"tcp", "unix"}, "echo", ""},
	{"echo_clients", []string{"tcp", "unix"}, "echo", ""},
	{"echo_udp", []string{"udp", "unixgram"}, "echo", ""},
	{"fork", []string{"tcp", "unix"}, "fork", ""},
	{"greeting", []string{"tcp"}, "greeting", ""},
	{"logged", []string{"tcp", "unix"}, "logged", ""},
	{"menu", []string{"tcp", "unix"}, "menu", ""},
	{"menu_exact", []string{"tcp", "unix"}, "menu", "menu --exact"},
	{"multicast", []string{"udp"}, "multicast", ""},
	{"quit", []string{"tcp", "unix"}, "quit", ""},
	{"quit_exact", []string{"tcp", "unix"}, "quit", "quit --exact"},
	{"thread", []string{"tcp", "unix"}, "thread", ""},
	{"timestamp", []string{"tcp", "unix"}, "timestamp", ""},
	{"timestamp_repr", []string{"tcp", "unix"}, "timestamp-repr", "timestamp --py3repr"},
	{"upper", []string{"tcp", "unix"}, "upper", ""},
	{"upper_udp", []string{"udp", "unixgram"}, "upper", ""},
}

// What the transcripts say is what Python's servers say, byte for byte.
func TestClassicServersSpeakTheirTranscripts(t *testing.T) {
	ofPrograms(t)
	for _, r := range reference {
		for _, network := range r.networks {
			t.Run(r.file+"/"+network, func(t *testing.T) {
				c := classic{r.server, network, r.serve}
				path := filepath.Join(transcripts, r.file+".wire")
				if *record {
					rewrite(t, c, path)
				}
				s := transcript.Load(t, path)
				eachServant(t, c, func(t *testing.T, address string) {
					transcript.Play(t, network, address, s)
				})
			})
		}
	}
}

// rewrite makes a transcript of what Python's server answers to the client's part
// of an old one.
func rewrite(t *testing.T, c classic, path string) {
	t.Helper()
	made, err := transcript.Record(c.network, c.python(t), transcript.Load(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(made.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// No transcript goes unplayed.
func TestAllTranscriptsHaveAServer(t *testing.T) {
	played := map[string]bool{}
	for _, r := range reference {
		played[r.file] = true
	}
	list, err := filepath.Glob(filepath.Join(transcripts, "*.wire"))
	if err != nil || len(list) == 0 {
		t.Fatal("found no transcript:", err)
	}
	for _, path := range list {
		if name := strings.TrimSuffix(filepath.Base(path), ".wire"); !played[name] {
			t.Errorf("%s is not played", path)
		}
	}
}
