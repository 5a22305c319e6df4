package chattext

import (
	"slices"
	"unicode"
)

// script is a script with its letters.
type script struct {
	name  string
	table *unicode.RangeTable
}

// scripts are those of the living languages (UAX 31, tables 5 and 7), the frequent
// ones first; the letters of unicode.txt have no others.
var scripts = named(
	"Latin", "Cyrillic", "Han", "Hiragana", "Katakana", "Hangul", "Arabic", "Devanagari", "Greek", "Hebrew", "Thai",
	"Armenian", "Bengali", "Bopomofo", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Kannada", "Khmer", "Lao",
	"Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Tibetan",
	"Adlam", "Balinese", "Bamum", "Batak", "Canadian_Aboriginal", "Chakma", "Cham", "Cherokee", "Hanifi_Rohingya",
	"Javanese", "Kayah_Li", "Lepcha", "Limbu", "Lisu", "Mandaic", "Meetei_Mayek", "Miao", "Mongolian", "Newa", "Nko",
	"Nyiakeng_Puachue_Hmong", "Ol_Chiki", "Osage", "Saurashtra", "Sundanese", "Syloti_Nagri", "Syriac", "Tai_Le",
	"Tai_Tham", "Tai_Viet", "New_Tai_Lue", "Tifinagh", "Vai", "Wancho", "Yi",
)

func named(names ...string) (list []script) {
	for _, n := range names {
		list = append(list, script{n, unicode.Scripts[n]})
	}
	return list
}

// companions are scripts that one language writes with.
var companions = [][]string{
	{"Han", "Hiragana", "Katakana"},
	{"Han", "Hangul"},
	{"Han", "Bopomofo"},
}

// common is the script of what goes with any.
const common = ""

// scriptOf is the script of a letter, a mark or a digit.
func scriptOf(r rune) string {
	if r == 'ー' {
		return "Katakana" // of no script by the tables, and of kana by use
	}
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.name
		}
	}
	return common
}

// goesWith reports whether letters of a script may be in a name with those of other
// scripts, which it had so far.
func goesWith(had []string, script string) bool {
	if len(had) == 0 {
		return true
	}
	for _, group := range companions {
		strange := func(h string) bool { return !slices.Contains(group, h) }
		if slices.Contains(group, script) && !slices.ContainsFunc(had, strange) {
			return true
		}
	}
	return false
}
