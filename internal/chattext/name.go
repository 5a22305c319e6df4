package chattext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The errors of Nick and Room; they come wrapped with what is wrong and what would
// be right, in one line that may be shown to who typed the name.
var (
	// ErrEmpty: nothing was typed.
	ErrEmpty = errors.New("no name")
	// ErrLong: more characters or bytes than a name may have.
	ErrLong = errors.New("too long")
	// ErrUTF8: not UTF-8.
	ErrUTF8 = errors.New("not UTF-8")
	// ErrStart: does not begin with a letter or a digit.
	ErrStart = errors.New("wrong beginning")
	// ErrRune: a character that no name has.
	ErrRune = errors.New("wrong character")
	// ErrStyled: a character that is another form of plain ones.
	ErrStyled = errors.New("not a plain character")
	// ErrMarks: combining marks where there is no letter, or too many.
	ErrMarks = errors.New("wrong combining mark")
	// ErrScript: letters of several scripts.
	ErrScript = errors.New("mixed scripts")
	// ErrDigits: digits of several kinds.
	ErrDigits = errors.New("mixed digits")
	// ErrPoses: letters of one script that all look like another's.
	ErrPoses = errors.New("looks like another script")
)

// kind is what differs between the names of people and of rooms.
type kind struct {
	what         string
	runes, bytes int    // at most
	signs        string // beside letters, marks and digits
	idle         string // those of them that the fold leaves out
}

var (
	nicks = kind{what: "nickname", runes: 24, bytes: 64, signs: "-_.[]'", idle: "-_."}
	rooms = kind{what: "room", runes: 32, bytes: 96, signs: "-_."}
)

// Nick checks a nickname. shown is what was typed, without white space at its ends
// and in the normal form NFC; fold is the same for all nicknames that people take for
// this one: it is blind to case, to - _ and ., and to what looks alike (0 and O, 1
// and l and I, m and rn, a Cyrillic а and an a). The fold is for comparing, not for
// showing; it may have more bytes than shown.
//
// A nickname has 1 to 24 characters in at most 64 bytes; letters of one script (Han
// goes with kana, with Hangul, with Bopomofo), their marks, digits of one kind, and
// - _ . [ ] '; it begins with a letter or a digit. Letters of dead scripts and those
// that only linguists use are not among them, nor joiners.
//
// The errors are ErrEmpty, ErrLong, ErrUTF8, ErrStart, ErrRune, ErrStyled, ErrMarks,
// ErrScript, ErrDigits and ErrPoses.
func Nick(s string) (shown, fold string, err error) {
	return nicks.check(s)
}

// Room checks the name of a room, with or without a # before it, which name has not:
// 1 to 32 characters in at most 96 bytes; what a nickname may have, but of signs only
// - _ and ., which count in its fold. Errors and the rest are as for Nick.
func Room(s string) (name, fold string, err error) {
	return rooms.check(strings.TrimPrefix(strings.TrimSpace(s), "#"))
}

// check checks a name as typed.
func (k kind) check(s string) (shown, fold string, err error) {
	s = strings.TrimSpace(s)
	// What is in bounds when put together is not four times as long before.
	long := len(s) > 4*k.bytes
	if !long {
		if s == "" {
			return "", "", fmt.Errorf("%w: a %s has 1 to %d letters or digits", ErrEmpty, k.what, k.runes)
		}
		if !utf8.ValidString(s) {
			return "", "", fmt.Errorf("%w: %q: a %s is in UTF-8", ErrUTF8, s, k.what)
		}
		t := loaded()
		runes := t.together([]rune(s))
		if s = string(runes); len(runes) <= k.runes && len(s) <= k.bytes {
			if err := k.judge(t, runes); err != nil {
				return "", "", err
			}
			return s, k.fold(t, runes), nil
		}
	}
	return "", "", fmt.Errorf("%w: a %s has at most %d characters and %d bytes", ErrLong, k.what, k.runes, k.bytes)
}

// judge says what is wrong with a name in its normal form.
func (k kind) judge(t *tables, name []rune) error {
	had, err := k.spell(t, name)
	if err != nil {
		return err
	}
	like, ok := t.poses(name, had)
	if !ok {
		return nil
	}
	// It does no harm if nobody can be called so.
	if _, err := k.spell(t, t.together(like)); err != nil {
		return nil
	}
	return fmt.Errorf("%w: every letter of %q, in %s, looks like one of %q: write it in the script that it looks like, or with a letter that does not",
		ErrPoses, string(name), had[0], string(like))
}

// spell looks at a name character by character. It returns the scripts of them.
func (k kind) spell(t *tables, name []rune) (had []string, err error) {
	var digits rune // the 0 of its digits
	for i, r := range name {
		switch known := unicode.Is(t.letters, r); {
		case !known && unicode.Is(t.styled, r):
			return nil, wrong(ErrStyled, r, "a %s is written in plain letters and digits", k.what)
		case !known && !strings.ContainsRune(k.signs, r):
			return nil, wrong(ErrRune, r, "a %s has letters, digits and %s", k.what, strings.Join(strings.Split(k.signs, ""), " "))
		case !known && i == 0:
			return nil, wrong(ErrStart, r, "a %s begins with a letter or a digit", k.what)
		}
		if unicode.IsDigit(r) {
			zero := zeroOf(r)
			if digits != 0 && digits != zero {
				return nil, wrong(ErrDigits, r, "a %s has digits of one kind", k.what)
			}
			digits = zero
		}
		if script := scriptOf(r); script != common && !slices.Contains(had, script) {
			if !goesWith(had, script) {
				return nil, wrong(ErrScript, r, "a %s is in one script: this is %s, after %s", k.what, script, had[0])
			}
			had = append(had, script)
		}
	}
	return had, t.marked(name)
}

// marked says what is wrong with a name's marks.
func (t *tables) marked(name []rune) error {
	letter, marks := false, 0 // is a letter before, and so many marks after it
	var last rune
	for _, r := range t.apart(name) {
		switch mark := unicode.IsMark(r); {
		case !mark:
			letter, marks = unicode.IsLetter(r), 0
		case !letter:
			return wrong(ErrMarks, r, "a mark stands on a letter")
		case marks == maxMarks || r == last && unicode.Is(unicode.Mn, r):
			return wrong(ErrMarks, r, "a letter has at most %d marks, and none twice", maxMarks)
		default:
			marks++
		}
		last = r
	}
	return nil
}

// wrong is an error about a character of a name.
func wrong(err error, r rune, right string, args ...any) error {
	return fmt.Errorf("%w: %q (U+%04X): %s", err, r, r, fmt.Sprintf(right, args...))
}

// zeroOf is the 0 of the ten digits that a digit is one of: they follow each other.
func zeroOf(digit rune) rune {
	for _, r := range unicode.Nd.R16 {
		if lo, hi := rune(r.Lo), rune(r.Hi); digit >= lo && digit <= hi {
			return digit - (digit-lo)%10
		}
	}
	for _, r := range unicode.Nd.R32 {
		if lo, hi := rune(r.Lo), rune(r.Hi); digit >= lo && digit <= hi {
			return digit - (digit-lo)%10
		}
	}
	return digit
}
