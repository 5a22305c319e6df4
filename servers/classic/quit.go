//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"errors"
	"flag"
	"io"

	"example.com/iomux/servers/socketserver"
)

// quit is echo that the client ends by a word, as a request that goes on until then.
var quit = Entry{
	Name:      "quit",
	About:     "echo that ends when the client says quit",
	Listen:    []string{"tcp://127.0.0.1:8000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     allModes,
	IOTimeout: idleTimeout,
	dialogue:  true,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		exact := flags.Bool("exact", false, "end only when a read brings these 4 bytes and no line end, as in the tutorial")
		return func(o Options) (*Server, error) {
			return onRequests(o, socketserver.HandlerFunc(func(r *socketserver.Request) error {
				return echoUntilQuit(r, o.say, *exact)
			}))
		}
	},
}

const quitWord = "quit"

// echoUntilQuit sends back each chunk.
func echoUntilQuit(r *socketserver.Request, say *transcript, exact bool) error {
	var line quitLine
	for {
		p, err := r.Recv(chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		over, until := string(p) == quitWord, 0
		if !exact {
			until, over = line.find(p)
		}
		if over {
			p = p[:until]
		}
		if len(p) > 0 {
			if say != nil {
				say.line("%s", plain(p))
			}
			if _, err := r.Write(p); err != nil {
				return err
			}
		}
		if over {
			return nil
		}
	}
}

// quitLine looks for a line that is the word, however the stream is cut. What of
// it came in earlier chunks has been sent back by then.
type quitLine struct {
	begin []byte // of the line at hand, no more than can matter
}

// longest is the word with the longest line end, and one more byte, to be seen not to
// be it.
const longest = len(quitWord) + len("\r\n") + 1

// find returns where the line begins in p, or continues from earlier chunks. At the end
// of a chunk the word needs no line end: clients that are programs send none.
func (l *quitLine) find(p []byte) (at int, found bool) {
	for at < len(p) {
		end := len(p)
		if i := bytes.IndexByte(p[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		part := p[at:end]
		l.begin = append(l.begin, part[:min(len(part), longest-len(l.begin))]...)
		if isQuit(l.begin) || len(part) == len(p) && isQuit(part) {
			return at, true
		}
		if p[end-1] == '\n' {
			l.begin = l.begin[:0]
		}
		at = end
	}
	return 0, false
}

// isQuit reports whether a line is the word.
func isQuit(line []byte) bool {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))) == quitWord
}
