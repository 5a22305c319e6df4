//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// tokenMin is what cannot be guessed, if it is random: 64 bits in hexadecimal.
	tokenMin = 16
	// tokenTries is how many tokens a connection may try.
	tokenTries = 3
	// tokenPause is how long the answer to a wrong token takes, the first from an
	// address. It is twice as long for each further one, up to tokenPauseMax.
	tokenPause    = 250 * time.Millisecond
	tokenPauseMax = 4 * time.Second
	// tokenMemory is for how long a failure counts, and tokenOrigins from how many
	// addresses: who has more of them than that gains little.
	tokenMemory  = 10 * time.Minute
	tokenOrigins = 1024

	// What clients of the tutorial's protocol are answered; it has no tokens.
	tokenRight = "ok"
	tokenWrong = "no"
)

// commandToken is a secret that clients have to know.
type commandToken struct {
	sum   [sha256.Size]byte // of equal length whatever a client sends
	pause time.Duration

	mu       sync.Mutex
	failures map[netip.Prefix]tokenFailures
}

// tokenFailures are those from an address.
type tokenFailures struct {
	count int
	last  time.Time
}

// readCommandToken reads a token from a file, without the white space around it.
func readCommandToken(path string) (*commandToken, error) {
	// Without waiting, should it be a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("classic: command: token-file: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing is written to it
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("classic: command: token-file: %w", err)
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, refuseCommand("token-file %s is no file", path)
	case mode&0o007 != 0:
		return nil, refuseCommand("token-file %s is open to everybody (%v), want 0600", path, mode)
	case mode&0o020 != 0:
		return nil, refuseCommand("token-file %s can be written by its group (%v), want 0600", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 2*commandMax))
	if err != nil {
		return nil, fmt.Errorf("classic: command: token-file: %w", err)
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) < tokenMin || len(text) > commandMax:
		return nil, refuseCommand("token-file %s has a token of %d bytes, want %d to %d", path, len(text), tokenMin, commandMax)
	case bytes.ContainsAny(text, "\r\n"):
		return nil, refuseCommand("token-file %s has several lines, want one", path)
	}
	return &commandToken{sum: sha256.Sum256(text), pause: tokenPause, failures: map[netip.Prefix]tokenFailures{}}, nil
}

// is reports whether something is the token, in a time that does not depend on where it
// differs.
func (t *commandToken) is(text []byte) bool {
	sum := sha256.Sum256(text)
	return subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1
}

// failed counts a failure, and returns how long its answer is to take.
func (t *commandToken) failed(from netip.Prefix, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, known := t.failures[from]
	if !known && len(t.failures) >= tokenOrigins {
		t.forget(now)
	}
	if now.Sub(f.last) > tokenMemory {
		f.count = 0
	}
	f.count++
	f.last = now
	t.failures[from] = f
	pause := t.pause
	for range f.count - 1 {
		if pause *= 2; pause >= tokenPauseMax {
			return tokenPauseMax
		}
	}
	return pause
}

// forget makes room for one more address: it forgets those that do not count any more,
// and the one that has failed longest ago.
func (t *commandToken) forget(now time.Time) {
	var oldest netip.Prefix
	first := true
	for from, f := range t.failures {
		if now.Sub(f.last) > tokenMemory {
			delete(t.failures, from)
		} else if first || f.last.Before(t.failures[oldest].last) {
			oldest, first = from, false
		}
	}
	if len(t.failures) >= tokenOrigins {
		delete(t.failures, oldest)
	}
}

// admit asks for the token, and reports whether the client has it.
func (c *commandSession) admit() bool {
	for range tokenTries {
		text, err := c.tokenText()
		if err != nil {
			return false
		}
		if c.token.is(text) {
			return c.tokenAnswer(CommandOK, tokenRight)
		}
		pause := c.token.failed(commandOrigin(c.request.ClientAddr()), time.Now())
		c.log.Warn("wrong token", "client", c.client, "pause", pause)
		if c.request.Sleep(pause) != nil || !c.tokenAnswer(CommandDenied, tokenWrong) {
			return false
		}
	}
	return false
}

// tokenText is what should be the token. A line end behind it is for who types it.
func (c *commandSession) tokenText() ([]byte, error) {
	if c.framed {
		return c.frame(c.handshake)
	}
	text, err := c.receive(commandMax+1, c.handshake)
	return bytes.TrimRight(text, "\r\n"), err
}

// tokenAnswer says whether it was.
func (c *commandSession) tokenAnswer(s CommandStatus, word string) bool {
	if c.framed {
		return c.send(appendCommandHead(nil, s, 0))
	}
	return c.send([]byte(word))
}
