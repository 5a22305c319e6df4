//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/iomux/internal/sys"
)

// Bounds of what is handed over, so that garbage costs little.
const (
	maxFiles  = 1024     // descriptors: 64 loops on 16 addresses, and what a process may usually open
	maxHeader = 64 << 10 // bytes of the header: a thousand sockets with ordinary names
	maxName   = 255      // bytes of a name, FDNAME_MAX of systemd
	maxURL    = 512      // bytes: a path of 107, each of them written %XX, and a scheme
)

// header says what the descriptors are that follow it: first the one that listens
// for successors, then those of the sockets, in order.
type header struct {
	File    fileID  `json:"file"` // the socket file at which successors ask
	Sockets []entry `json:"sockets"`
}

// fileID is a sys.FileID in the words of the protocol.
type fileID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// entry is one Socket, without the files.
type entry struct {
	Name  string `json:"name,omitempty"`
	URL   string `json:"url"`
	Files int    `json:"files"` // how many
}

func newHeader(id sys.FileID, sockets []Socket) header {
	h := header{File: fileID(id), Sockets: []entry{}}
	for _, s := range sockets {
		h.Sockets = append(h.Sockets, entry{s.Name, s.URL, len(s.Files)})
	}
	return h
}

// line is the header as it is sent, but for the newline.
func (h header) line() (string, error) {
	if err := h.check(); err != nil {
		return "", err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	if len(text) >= maxHeader {
		return "", fmt.Errorf("the header has %d bytes, more than %d", len(text)+1, maxHeader)
	}
	return string(text), nil
}

// parseHeader reads what line has made. Fields that it does not know are those of
// later versions. Errors: ErrProtocol.
func parseHeader(text string) (h header, err error) {
	if err = json.Unmarshal([]byte(text), &h); err == nil {
		err = h.check()
	}
	if err != nil {
		return header{}, fmt.Errorf("%w: header: %w", ErrProtocol, err)
	}
	return h, nil
}

// check holds the header to its bounds.
func (h header) check() error {
	if h.files() > maxFiles {
		return fmt.Errorf("more than %d descriptors", maxFiles)
	}
	for _, e := range h.Sockets {
		if err := checkName(e.Name); err != nil {
			return err
		}
		if u, err := url.Parse(e.URL); err != nil || u.Scheme == "" || len(e.URL) > maxURL || strings.ContainsFunc(e.URL, notASCII) {
			return fmt.Errorf("%.99q is not the URL of a socket", e.URL)
		}
		if e.Files < 1 {
			return fmt.Errorf("%s has %d descriptors", e.URL, e.Files)
		}
	}
	return nil
}

// files is how many descriptors the sockets have, or a number beyond maxFiles if
// it is beyond.
func (h header) files() (n int) {
	for _, e := range h.Sockets {
		if e.Files > maxFiles {
			return e.Files // without a sum that could overflow
		}
		if n += max(e.Files, 0); n > maxFiles {
			return n
		}
	}
	return n
}

// checkName holds a socket's name to what can be handed over and printed.
func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("a name has %d bytes, more than %d", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("a name is not text on one line")
	}
	return nil
}

// notASCII reports whether a character has to be written %XX in a URL.
func notASCII(r rune) bool { return r <= ' ' || r > '~' }
