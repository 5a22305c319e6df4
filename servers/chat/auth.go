//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "errors"

// ErrLogin: name and secret are not those of anybody.
var ErrLogin = errors.New("wrong name or secret")

// Account is who has logged in.
type Account struct {
	// Name is a nickname that is for nobody else. Empty: the member keeps its own, as
	// with a token that all share.
	Name     string
	Operator bool
}

// Authenticator checks who logs in.
type Authenticator interface {
	// Check returns whose secret it is. name is empty where the client gave none. It is
	// called on a goroutine of its own, a few at a time, and may take its time.
	// ErrLogin: nobody's.
	Check(name, secret string) (Account, error)
	// Reserved reports whether a nickname is for an account alone. It is called on a
	// loop and must not wait.
	Reserved(nick string) bool
}
