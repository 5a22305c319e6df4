//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"example.com/iomux/servers/chat"
)

// token is a secret that all share.
type token struct {
	sum   [sha256.Size]byte
	valid bool
}

// Token takes whoever has the secret and gives no name; nobody, if the secret is empty.
// It takes a moment only: the secret should be long, and random.
func Token(secret []byte) chat.Authenticator {
	return &token{sha256.Sum256(secret), len(secret) > 0}
}

func (t *token) Check(name, secret string) (chat.Account, error) {
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], t.sum[:]) != 1 || name != "" || !t.valid {
		return chat.Account{}, chat.ErrLogin
	}
	return chat.Account{}, nil
}

func (t *token) Reserved(string) bool { return false }

// joined are several authenticators.
type joined []chat.Authenticator

// Join takes whom one of several takes, and asks them in their order: a Token for those
// without a name and a File for those with one are asked for no more than their own. An
// error other than chat.ErrLogin comes back if none takes it.
func Join(auths ...chat.Authenticator) chat.Authenticator { return joined(auths) }

func (j joined) Check(name, secret string) (chat.Account, error) {
	failed := chat.ErrLogin
	for _, a := range j {
		account, err := a.Check(name, secret)
		if err == nil {
			return account, nil
		}
		if !errors.Is(err, chat.ErrLogin) {
			failed = err
		}
	}
	return chat.Account{}, failed
}

func (j joined) Reserved(nick string) bool {
	for _, a := range j {
		if a.Reserved(nick) {
			return true
		}
	}
	return false
}
