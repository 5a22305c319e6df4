//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import "errors"

// Why a command is none.
var (
	errCommandQuotes = errors.New("a quotation or a backslash is not complete")
	errCommandNUL    = errors.New("there is a NUL in it")
)

// splitCommand makes words of a command. Blanks, tabs and line ends separate them,
// unless they are quoted: by apostrophes, between which all is as it stands, by
// quotation marks, between which a backslash quotes a mark or a backslash, or by a
// backslash, which quotes any character. Nothing else means anything: there are no
// variables, no patterns, no pipes and no second command.
func splitCommand(text string) (words []string, err error) {
	var word []byte
	var quote byte // what ends the quotation; 0: there is none
	inside := false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == 0:
			return nil, errCommandNUL
		case b == quote && quote != 0:
			quote = 0
		case quote == '\'':
			word = append(word, b)
		case b == '\\':
			if i++; i == len(text) {
				return nil, errCommandQuotes
			}
			next := text[i]
			if next == 0 {
				return nil, errCommandNUL
			}
			if quote == '"' && next != '"' && next != '\\' {
				word = append(word, b)
			}
			word, inside = append(word, next), true
		case quote == '"':
			word = append(word, b)
		case b == '\'' || b == '"':
			quote, inside = b, true
		case b == ' ' || b == '\t' || b == '\n' || b == '\r':
			if inside {
				words = append(words, string(word))
			}
			word, inside = word[:0], false
		default:
			word, inside = append(word, b), true
		}
	}
	if quote != 0 {
		return nil, errCommandQuotes
	}
	if inside {
		words = append(words, string(word))
	}
	return words, nil
}
