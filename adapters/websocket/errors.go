//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package websocket

import (
	"errors"
	"fmt"

	"example.com/iomux/reactor"
)

// Why a connection was closed from this side for what its peer sent; Closed gets them
// with the peer's address and what it was.
var (
	// ErrProtocol: something that RFC 6455 forbids. Close code 1002.
	ErrProtocol = errors.New("not the WebSocket protocol")
	// ErrText: text that is not UTF-8. Close code 1007.
	ErrText = errors.New("text is not UTF-8")
	// ErrFlood: more pings than anybody needs. Close code 1008.
	ErrFlood = errors.New("too many pings")
	// ErrTooLarge: a frame or message beyond its limit. Close code 1009.
	ErrTooLarge = errors.New("message too large")
)

// CloseError says that the peer has closed the connection, and why.
type CloseError struct {
	Code   int    // RFC 6455, 7.4; 1005 where the peer gave none
	Reason string // valid UTF-8, 123 bytes at most
}

// Error gives both.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("websocket: closed by the peer with code %d", e.Code)
	}
	return fmt.Sprintf("websocket: closed by the peer with code %d: %q", e.Code, e.Reason)
}

// The close codes used here, RFC 6455, 7.4.1 and the IANA registry of that section.
const (
	normalClosure = 1000
	goingAway     = 1001
	protocolError = 1002
	noCode        = 1005 // never sent
	invalidText   = 1007
	policy        = 1008
	tooLarge      = 1009
	tryLater      = 1013
)

// codeOf is the close code for an error.
func codeOf(err error) int {
	switch {
	case errors.Is(err, ErrText):
		return invalidText
	case errors.Is(err, ErrFlood), errors.Is(err, reactor.ErrTimeout):
		return policy
	case errors.Is(err, ErrTooLarge):
		return tooLarge
	case errors.Is(err, reactor.ErrMemoryLimit):
		return tryLater
	default:
		return protocolError
	}
}

// sendable reports whether a close code may be sent: one that is registered and not
// kept for what no frame says, or of the ranges for libraries and applications.
func sendable(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}
