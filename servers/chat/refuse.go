//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"strings"
)

// refuse looks whether a client's first bytes are of a protocol that has lost its way:
// then it says so in the client's own language, lest a browser be made to talk in the
// chat, or an IRC client's password be said in the lobby. unsure is that there are too
// few of them to tell.
func refuse(p []byte) (r *Refusal, unsure bool) {
	if len(p) > 0 && p[0] == tlsHandshake {
		return tlsRefusal, false
	}
	if p = bytes.TrimLeft(p, "\r\n"); len(p) == 0 {
		return nil, false // empty lines, which say nothing yet
	}
	line, _, whole := bytes.Cut(p[:min(len(p), lineLimit)], []byte("\n"))
	words := strings.Fields(string(line))
	if !whole {
		return nil, len(p) < lineLimit && maybeForeign(string(line))
	}
	switch n := len(words); {
	case n == 3 && strings.HasPrefix(words[2], "HTTP/"):
		return httpRefusal, false
	case n >= 2 && ircWords[words[0]]:
		return ircRefusal, false
	}
	return nil, false
}

// maybeForeign reports whether the beginning of a line may be one of theirs. Requests of
// HTTP whose methods are none of its own come whole, or not at all.
func maybeForeign(begin string) bool {
	word, _, whole := strings.Cut(begin, " ")
	for _, words := range []map[string]bool{httpMethods, ircWords} {
		for w := range words {
			if w == word || !whole && strings.HasPrefix(w, word) {
				return true
			}
		}
	}
	return false
}

var (
	httpMethods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "OPTIONS": true, "PATCH": true, "CONNECT": true, "TRACE": true, "PRI": true}
	ircWords    = map[string]bool{"CAP": true, "NICK": true, "USER": true, "PASS": true}
)

// tlsHandshake begins a TLS record of the handshake, RFC 8446 section 5.1; no text does.
const tlsHandshake = 22

var (
	// A fatal alert, "protocol_version", in a record of TLS 1.0, which all versions read.
	tlsRefusal  = &Refusal{Why: "a TLS client where no TLS is spoken", Reply: []byte{21, 3, 1, 0, 2, 2, 70}}
	httpRefusal = &Refusal{Why: "an HTTP client on the chat's port", Reply: []byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 55\r\nConnection: close\r\n\r\nThis is a chat for lines of text; its page is elsewhere")}
	ircRefusal  = &Refusal{Why: "an IRC client on the chat's port", Reply: []byte("ERROR :This is not IRC, but a chat for lines of text. Try nc or telnet.\r\n")}
)
