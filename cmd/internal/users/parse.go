//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package users

import (
	"fmt"
	"strings"

	"example.com/iomux/internal/chattext"
)

// maxFile bounds the file, and so the number of users.
const maxFile = 4 << 20

// user is a line that is about somebody.
type user struct {
	name, fold string
	operator   bool
	hash       hash
}

func (u *user) String() string {
	flags := ""
	if u.operator {
		flags = operatorFlag
	}
	return u.name + ":" + flags + ":" + u.hash.String()
}

const operatorFlag = "operator"

// line is a line of the file, as it is written and as it is meant.
type line struct {
	text string // without its end
	user *user  // nil: a comment, or nothing
}

// parse reads a file. Its error has the number of the line that is wrong.
func parse(text string) (lines []line, err error) {
	seen := map[string]int{}
	for s := range strings.Lines(text) {
		l := line{text: strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")}
		number := len(lines) + 1
		if t := strings.TrimSpace(l.text); t != "" && t[0] != '#' {
			if l.user, err = parseUser(t); err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			if first, twice := seen[l.user.fold]; twice {
				return nil, fmt.Errorf("line %d: %s is in line %d already, or looks like a name there", number, l.user.name, first)
			}
			seen[l.user.fold] = number
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseUser(s string) (*user, error) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("want name:flags:hash, with flags empty or operator")
	}
	name, fold, err := chattext.Nick(parts[0])
	switch {
	case err != nil:
		return nil, err
	case parts[1] != "" && parts[1] != operatorFlag:
		return nil, fmt.Errorf("the flags of %s are %.20q, want nothing or operator", name, parts[1])
	}
	u := &user{name: name, fold: fold, operator: parts[1] == operatorFlag}
	if u.hash, err = parseHash(parts[2]); err != nil {
		return nil, err
	}
	return u, nil
}
