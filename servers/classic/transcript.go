//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// transcript is where a server prints the lines of its original. A nil one swallows
// them. Any goroutine may call it: each line is written whole.
type transcript struct {
	mu sync.Mutex
	w  io.Writer
}

// line prints one.
func (t *transcript) line(format string, args ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.w, format+"\n", args...) // nobody reads it any more: the server goes on
}

// plain is text from a client as a terminal may show it: what is not to be seen, or is
// no UTF-8, is escaped, and so are line ends, for a client is not to forge a line; but for
// one behind it all, which is left out.
func plain(p []byte) string {
	p = bytes.TrimSuffix(bytes.TrimSuffix(p, []byte("\n")), []byte("\r"))
	quoted := strconv.QuoteToGraphic(string(p))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
