//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"path/filepath"
	"strings"
	"testing"

	golden "example.com/iomux/internal/transcript"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/socketserver"
)

// wires are the transcripts of testdata, the server of each, and over what it is
// played.
var wires = []struct {
	file, server, flags string
	kinds               []string
}{
	{"bare", "bare", "", connections},
	{"binary", "binary", "", connections},
	{"chat", "chat", "-compat", connections},
	{"command", "command", "", connections},
	{"echo", "echo", "", connections},
	{"echo_clients", "echo", "", connections},
	{"echo_udp", "echo", "", datagrams},
	{"fork", "fork", "", connections},
	{"greeting", "greeting", "", []string{"tcp"}},
	{"logged", "logged", "", connections},
	{"menu", "menu", "", connections},
	{"menu", "menu", "-exact", connections},
	{"menu_exact", "menu", "-exact", connections},
	{"multicast", "multicast", "", []string{"multicast"}},
	{"quit", "quit", "", connections},
	{"quit", "quit", "-exact", connections},
	{"quit_exact", "quit", "-exact", connections},
	{"thread", "thread", "", connections},
	{"timestamp", "timestamp", "", connections},
	{"timestamp_repr", "timestamp", "-py3repr", connections},
	{"upper", "upper", "", connections},
	{"upper", "upper", "-exact", connections},
	{"upper_udp", "upper", "", datagrams},
}

var (
	connections = []string{"tcp", "unix"}
	datagrams   = []string{"udp", "unixgram"}
)

// at is a free address of a kind.
func at(t *testing.T, kind string) string {
	switch kind {
	case "tcp", "udp":
		return kind + "://127.0.0.1:0"
	case "multicast":
		return "udp://224.3.29.71:0"
	}
	return kind + "://" + socketPath(t)
}

// On the wire the servers are what their transcripts say, whatever they run on, and
// whether they print their lines or not.
func TestWires(t *testing.T) {
	played := map[string]bool{}
	for _, w := range wires {
		played[w.file] = true
		if _, ok := Find(w.server); !ok {
			continue
		}
		script := golden.Load(t, filepath.Join("testdata", w.file+".wire"))
		for _, kind := range w.kinds {
			t.Run(w.file+w.flags+"/"+kind, func(t *testing.T) {
				everywhere(t, w.server, func(t *testing.T, o Options) {
					if w.file == "command" && o.Mode == socketserver.Threading {
						t.Skip("what the loop has read the handler may not have: TAKEN means nothing")
					}
					if kind == w.kinds[0] && o.Mode != socketserver.Forking { // its processes write to standard output
						o.Transcript = &paper{}
					}
					o.Listen = []string{at(t, kind)}
					s := begin(t, w.server, o, strings.Fields(w.flags)...)
					network, address, err := reactor.SplitURL(s.URLs()[0])
					if err != nil {
						t.Fatal(err)
					}
					golden.Play(t, network, address, script)
				})
			})
		}
	}
	files, err := filepath.Glob("testdata/*.wire")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".wire"); !played[name] {
			t.Errorf("nobody plays %s", f)
		}
	}
}
