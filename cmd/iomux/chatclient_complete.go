//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// candidatesShown is how many words are listed when several would do.
const candidatesShown = 40

// complete completes the word before the cursor, which is behind pos bytes of the line.
// Where several words would do, it goes as far as they are the same, and if that is
// nowhere, says which they are.
func (s *scene) complete(line string, pos int) (newLine string, newPos int, which string) {
	start := strings.LastIndexByte(line[:pos], ' ') + 1
	word := line[start:pos]
	sign, name, words, end := s.candidates(line[:start], word)
	var fit []string
	for _, w := range words {
		if startsLike(w, name) {
			fit = append(fit, w)
		}
	}
	if len(fit) == 0 || word == "" && start == 0 {
		return line, pos, ""
	}
	done := common(fit)
	if len(fit) == 1 {
		done += end
	} else if utf8.RuneCountInString(done) <= utf8.RuneCountInString(name) {
		slices.Sort(fit)
		more := ""
		if n := len(fit) - candidatesShown; n > 0 {
			fit, more = fit[:candidatesShown], fmt.Sprintf(" and %d more", n)
		}
		return line, pos, strings.Join(fit, " ") + more
	}
	before := line[:start] + sign + done
	return before + strings.TrimPrefix(line[pos:], " "), len(before), ""
}

// candidates are the words that may stand behind before: what sign each has in front,
// what of word is behind that, and what follows the only one.
func (s *scene) candidates(before, word string) (sign, name string, words []string, end string) {
	command := strings.ToLower(strings.TrimSpace(before))
	switch {
	case before == "" && strings.HasPrefix(word, "/"):
		return "/", word[1:], s.commands.words, " "
	case command == "/help":
		name = strings.TrimPrefix(word, "/")
		return word[:len(word)-len(name)], name, s.commands.words, " "
	case strings.HasPrefix(word, "#"):
		return "#", word[1:], s.places.words, " "
	case command == "/join" || command == "/part" || command == "/who":
		return "", word, s.places.words, " "
	case before == "":
		return "", word, s.others(), ": "
	}
	return "", word, s.others(), " "
}

// others are the people but oneself.
func (s *scene) others() []string {
	return slices.DeleteFunc(slices.Clone(s.people.words), func(name string) bool { return name == s.nick })
}

// startsLike reports whether s begins with prefix, whatever the case.
func startsLike(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// common is what the words have in common at their beginning, whatever the case, as the
// first one writes it.
func common(words []string) string {
	same := words[0]
	for _, w := range words[1:] {
		for !startsLike(w, same) {
			_, size := utf8.DecodeLastRuneInString(same)
			same = same[:len(same)-size]
		}
	}
	return same
}
