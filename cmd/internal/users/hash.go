//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a hash may cost. The least is what OWASP's cheat sheet on password storage has
// for the smallest memory.
const (
	minMemory, maxMemory   = 7 << 10, 256 << 10 // KiB
	maxWork                = 1 << 20            // KiB, gone over
	maxThreads             = 16
	minSalt, maxSalt       = 8, 64 // bytes
	minKey, maxKey         = 16, 64
	defaultSalt            = 16
	minPassword, maxSecret = 8, 1024 // bytes
)

// hash is a password's, in the form that is called PHC.
type hash struct {
	memory, time, threads uint32
	salt, key             []byte
}

// ours is what new hashes are made with: the second choice of RFC 9106 with one thread
// in place of four, for a server has better use of them.
var ours = hash{memory: 64 << 10, time: 3, threads: 1, salt: make([]byte, defaultSalt), key: make([]byte, 32)}

// derive is argon2.IDKey but in tests, which count.
var derive = argon2.IDKey

// newHash makes the hash of a password.
func newHash(password []byte) hash {
	h := ours
	h.salt = make([]byte, defaultSalt)
	_, _ = rand.Read(h.salt) // never fails
	h.key = h.of(password)
	return h
}

// of is what a secret has as a key with h's parameters and salt.
func (h *hash) of(secret []byte) []byte {
	return derive(secret, h.salt, h.time, h.memory, uint8(h.threads), uint32(len(h.key)))
}

// is reports whether it is the secret's, in a time that does not tell.
func (h *hash) is(secret []byte) bool {
	return subtle.ConstantTimeCompare(h.of(secret), h.key) == 1
}

var base = base64.RawStdEncoding.Strict()

func (h *hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		base.EncodeToString(h.salt), base.EncodeToString(h.key))
}

// parseHash reads what String writes, and nothing else.
func parseHash(s string) (h hash, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" {
		return h, fmt.Errorf("the hash is not of the form $argon2id$v=19$m=65536,t=3,p=1$SALT$HASH; \"iomux chat passwd\" makes one")
	}
	if parts[1] != "argon2id" {
		return h, fmt.Errorf("the hash is of the kind %.20q, want argon2id", parts[1])
	}
	if want := "v=" + strconv.Itoa(argon2.Version); parts[2] != want {
		return h, fmt.Errorf("the hash is of Argon2's version %.20q, want %s", parts[2], want)
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return h, fmt.Errorf("the hash's parameters are %.60q, want three, such as m=65536,t=3,p=1", parts[3])
	}
	for i, c := range []struct {
		name string
		to   *uint32
	}{{"m=", &h.memory}, {"t=", &h.time}, {"p=", &h.threads}} {
		digits, ok := strings.CutPrefix(costs[i], c.name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
			return h, fmt.Errorf("the hash's parameter %.20q is not %s and a number", costs[i], c.name)
		}
		*c.to = uint32(n)
	}
	switch {
	case h.memory < minMemory || h.memory > maxMemory:
		return h, fmt.Errorf("the hash takes m=%d KiB of memory, want %d to %d", h.memory, minMemory, maxMemory)
	case h.time < 1 || uint64(h.time)*uint64(h.memory) > maxWork:
		return h, fmt.Errorf("the hash takes t=%d passes over %d KiB, want 1 to %d", h.time, h.memory, maxWork/h.memory)
	case h.threads < 1 || h.threads > maxThreads:
		return h, fmt.Errorf("the hash takes p=%d threads, want 1 to %d", h.threads, maxThreads)
	}
	if h.salt, err = decode(parts[4], minSalt, maxSalt); err != nil {
		return h, fmt.Errorf("the hash's salt %w", err)
	}
	if h.key, err = decode(parts[5], minKey, maxKey); err != nil {
		return h, fmt.Errorf("the hash's last part %w", err)
	}
	return h, nil
}

// decode reads so many bytes in base64.
func decode(s string, least, most int) ([]byte, error) {
	b, err := base.DecodeString(s)
	if err != nil || base.EncodeToString(b) != s {
		return nil, fmt.Errorf("is not in base64 without padding")
	}
	if len(b) < least || len(b) > most {
		return nil, fmt.Errorf("has %d bytes, want %d to %d", len(b), least, most)
	}
	return b, nil
}
