//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"syscall"

	"example.com/iomux/internal/chattext"
	"example.com/iomux/servers/chat"
)

// The errors, beside those of the system.
var (
	// ErrFile: the file is not as it should be.
	ErrFile = errors.New("not a file of users")
	// ErrMode: others may read or write the file.
	ErrMode = errors.New("others may use it")
	// ErrPassword: a password is too short or too long.
	ErrPassword = errors.New("not a good password")
	// ErrName: a name is not a nickname.
	ErrName = errors.New("not a name of a user")
)

// File is the users that were in a file when it was loaded: a chat.Authenticator. Any
// goroutine may call its methods.
type File struct {
	byFold map[string]*user
	all    []*user
	seed   maphash.Seed
}

var _ chat.Authenticator = (*File)(nil)

// Load reads a file. If it is this user's, nobody else may have any right to it, as with
// a key of ssh's; another's, such as root's, may be readable by a group. Errors: ErrFile,
// with the number of a line, ErrMode, those of the system.
func Load(path string) (*File, error) {
	lines, _, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("users: load %q: %w", path, err)
	}
	f := &File{byFold: map[string]*user{}, seed: maphash.MakeSeed()}
	for _, l := range lines {
		if l.user != nil {
			f.byFold[l.user.fold] = l.user
			f.all = append(f.all, l.user)
		}
	}
	return f, nil
}

// Check returns whose name and secret it is. It takes as long for a name that nobody has
// as for one that somebody has. Without a name it is nobody's, at once. It takes the
// memory and the processor for a moment: see the package. Errors: chat.ErrLogin.
func (f *File) Check(name, secret string) (chat.Account, error) {
	if name == "" {
		return chat.Account{}, chat.ErrLogin
	}
	_, fold, err := chattext.Nick(name)
	if err != nil {
		fold = name // nobody's: a fold of a name is not one that has an error
	}
	u, known := f.byFold[fold]
	known = known && err == nil && len(secret) <= maxSecret
	if !known {
		u = f.nobody(fold)
	}
	right := u.hash.is([]byte(secret[:min(len(secret), maxSecret)]))
	if !right || !known {
		return chat.Account{}, chat.ErrLogin
	}
	return chat.Account{Name: u.name, Operator: u.operator}, nil
}

// nobody is whom to check a secret against where there is nobody of that name: always
// the same one, lest what it costs tell that there is none.
func (f *File) nobody(fold string) *user {
	if len(f.all) == 0 {
		return &user{hash: ours}
	}
	return f.all[maphash.String(f.seed, fold)%uint64(len(f.all))]
}

// Reserved reports whether a nickname is a user's, or looks like one.
func (f *File) Reserved(nick string) bool {
	_, fold, err := chattext.Nick(nick)
	return err == nil && f.byFold[fold] != nil
}

// read reads a file, if it is fit to be read.
func read(path string) ([]line, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := fit(info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, nil, err
	case len(text) > maxFile:
		return nil, nil, fmt.Errorf("%w: it has more than %d bytes", ErrFile, maxFile)
	}
	lines, err := parse(string(text))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return lines, info, nil
}

// fit reports what keeps a file from being used.
func fit(info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no regular file", ErrFile)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: its mode is %#o; want 0600: chmod 600 it, and think of new passwords", ErrMode, info.Mode().Perm())
	}
	return nil
}
