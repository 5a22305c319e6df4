package chattext_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/iomux/internal/chattext"
)

// Names as people have them: all may be had, and had beside each other.
var honest = []string{
	"ann", "bob", "carol", "dave", "vera", "nina", "yuri", "uma", "Jose", "José", "Zoe", "Zoë", "Ægir", "Þórdís", "o'brien",
	"obrien", "D'Arcy", "Jean-Luc", "mr.smith", "bob[away]", "x[1]", "Łukasz", "Żaneta", "Håkon", "Søren", "François",
	"Müller", "Muller", "Strauß", "Đorđe", "Čapek", "Şule", "Ğgin", "Nguyễn", "Ọláyínká", "Kaʻiulani", "R2D2", "4ever", "user42",
	"Иван", "Пётр", "Петр", "Вера", "Ярослав", "Ђорђе", "Їжак", "Ґанна", "Ўладзімір",
	"Νίκος", "Άννα", "Δημήτρης", "Ήρα", "Σοφία",
	"Արամ", "გიორგი", "ᏣᎳᎩ", "ሰላም", "ⵣⵉⵔⵉ",
	"علي", "فاطمة", "محمد", "دانش", "שרה", "דוד", "ܝܘܚܢܢ",
	"नेहा", "राहुल", "শ্রেয়া", "ਗੁਰਪ੍ਰੀਤ", "પ્રિયા", "முருகன்", "శ్రీను", "ಕಾವ್ಯ", "മോഹൻ", "නිමල්", "สมชาย", "ສົມຊາຍ", "བསྟན", "မောင်", "សុខា",
	"田中", "田中さん", "さくら", "サクラ", "ロボット", "王小明", "김철수", "金철수", "ㄅㄆㄇ", "〆木", "佐々木",
}

func TestHonestNicks(t *testing.T) {
	if len(honest) < 60 {
		t.Fatalf("%d names, want 60", len(honest))
	}
	had := map[string]string{}
	for _, nick := range honest {
		shown, fold, err := chattext.Nick(nick)
		if err != nil {
			t.Errorf("Nick(%q): %v", nick, err)
			continue
		}
		if shown != nick {
			t.Errorf("Nick(%q): shown as %q", nick, shown)
		}
		if other, ok := had[fold]; ok {
			t.Errorf("Nick(%q): the fold of %q too: %q", nick, other, fold)
		}
		had[fold] = nick
	}
}

func TestNickAsShown(t *testing.T) {
	for in, want := range map[string]string{
		"  ann\t":                              "ann",
		"Jose\u0301":                           "José",
		"a\u0323\u0302":                        "ậ",
		"a\u0302\u0323":                        "ậ",
		"\u1112\u1161\u11ab\u1100\u1173\u11af": "한글",
		"\u30ab\u3099":                         "ガ",
		"z\u0303\u0301":                        "z\u0303\u0301", // the first mark keeps the second off
		"\u0958":                               "\u0915\u093c",  // NFC takes it apart
	} {
		if got, _, err := chattext.Nick(in); err != nil || got != want {
			t.Errorf("Nick(%+q): got %+q, %v, want %+q", in, got, err, want)
		}
	}
}

// Pairs of nicknames that people take for each other: of each the second is refused
// once the first is had, or at all.
var spoofs = [][2]string{
	// case
	{"ann", "ANN"}, {"José", "JOSÉ"}, {"straße", "STRASSE"}, {"straße", "STRAẞE"}, {"Ægir", "æGIR"}, {"иван", "ИВАН"},
	{"σίσυφος", "ΣΊΣΥΦΟΣ"}, {"σίσυφος", "σίσυφοσ"}, {"ilkay", "İlkay"}, {"ilkay", "ılkay"}, {"ILKAY", "ilkay"}, {"արամ", "ԱՐԱՄ"},
	// white space and what is not seen
	{"ann", "ann "}, {"ann", " ann"}, {"ann", "ann\u00a0"}, {"ann", "ann\u3000"}, {"ann", "an\u200bn"}, {"ann", "an\u200dn"}, {"ann", "ann\u200e"},
	{"ann", "\ufeffann"}, {"ann", "a\u00adnn"}, {"ann", "ann\u3164"}, {"ann", "ann\ufe0f"}, {"ann", "ann\u034f"}, {"ann", "\u202enna\u202c"}, {"ann", "ann\U000e0061"}, {"ann", "ann\u2800"},
	// signs that are ignored
	{"bigbob", "big-bob"}, {"bigbob", "big_bob"}, {"bigbob", "big.bob"}, {"bigbob", "bigbob_"}, {"bigbob", "bigbob."}, {"big-bob", "big_bob"},
	{"o'brien", "oʼbrien"}, {"o'brien", "o’brien"}, {"o'brien", "oʻbrien"},
	// of one script
	{"Paul", "Pau1"}, {"Paul", "PauI"}, {"bill", "bi11"}, {"ian", "lan"}, {"bob", "b0b"}, {"Bob", "BOb"}, {"tom", "torn"}, {"Tom", "TORN"}, {"root", "r00t"}, {"admin", "adrnin"}, {"admin", "adm1n"},
	{"Đorđe", "Ðorđe"}, {"ann", "anո"}, {"dave", "dɑve"}, {"gina", "ɡina"}, {"ioana", "ıoana"}, {"aegir", "ægir"},
	// of several
	{"paypal", "pаypal"}, {"admin", "аdmin"}, {"admin", "admіn"}, {"bob", "bοb"}, {"bob", "bօb"}, {"ann", "a\u03b7n"}, {"BAD", "ᏴᎪᎠ"}, {"tom", "tᴏm"}, {"Иван", "Ивaн"}, {"Νίκος", "Nίκος"},
	// all of another
	{"paypal", "раураӏ"}, {"PAYPAL", "РАУРАӀ"}, {"cocoa", "сосоа"}, {"ace", "асе"}, {"scope", "ѕсоре"}, {"HEXA", "НЕХА"}, {"coo", "ⲥⲟⲟ"}, {"oxo", "οχο"}, {"NINA", "ΝΙΝΑ"}, {"viva", "νινα"}, {"KATE", "ΚΑΤΕ"}, {"TOM", "ΤΟΜ"}, {"YOYO", "ΥΟΥΟ"},
	{"oh", "օհ"}, {"noun", "ոօսո"}, {"DAVE", "ᎠᎪᏙᎬ"}, {"WALA", "ᏔᎪᏞᎪ"}, {"PEAK", "ꓑꓰꓮꓗ"}, {"oooo", "ოօօօ"}, {"oo", "০০"}, {"IOI", "וסו"}, {"lol", "اها"}, {"ГГГ", "ΓΓΓ"}, {"力", "カ"}, {"ニ", "二"}, {"口", "ロ"}, {"工", "エ"},
	// other forms of letters
	{"ann", "ａｎｎ"}, {"ann", "𝐚𝐧𝐧"}, {"ann", "𝓪𝓷𝓷"}, {"ann", "ⓐⓝⓝ"}, {"ann", "🄰🄽🄽"}, {"finn", "ﬁnn"}, {"henry8", "henry⁸"}, {"viii", "ⅷ"}, {"Kate", "\u212aate"}, {"ǆ", "dž"}, {"سلام", "ﺳﻼم"}, {"サクラ", "ｻｸﾗ"}, {"sam", "ſam"}, {"no", "№"},
	// digits
	{"user1", "user١"}, {"user0", "user०"}, {"agent007", "agent٠٠7"}, {"11", "۱۱"},
	// marks
	{"José", "Jose\u0301"}, {"ậ", "a\u0302\u0323"}, {"ç", "c\u0326"}, {"é", "e\u0301\u0301"}, {"ø", "o\u0338"}, {"ann", "ann\u0301\u0302\u0303\u0304\u0305"}, {"김철수", "\u1100\u1175\u11b7철수"}, {"ann", "\u0301ann"},
	{"ann", "ann\x00"}, {"ann", "an\x1b[mn"}, {"ann", "an\xffn"}, {"ann", "#ann"}, {"ann", "@ann"}, {"ann", "~ann"},
}

func TestSpoofs(t *testing.T) {
	if len(spoofs) < 60 {
		t.Fatalf("%d pairs, want 60", len(spoofs))
	}
	for _, pair := range spoofs {
		_, a, err1 := chattext.Nick(pair[0])
		_, b, err2 := chattext.Nick(pair[1])
		if err1 != nil && err2 != nil {
			t.Errorf("%+q and %+q: both refused, which shows nothing: %v; %v", pair[0], pair[1], err1, err2)
		}
		if err1 == nil && err2 == nil && a != b {
			t.Errorf("%+q and %+q: may be had beside each other: folds %+q and %+q", pair[0], pair[1], a, b)
		}
	}
}

func TestNickRefuses(t *testing.T) {
	tests := []struct {
		in   string
		want error
		says string
	}{
		{"", chattext.ErrEmpty, "1 to 24"},
		{" \t ", chattext.ErrEmpty, "1 to 24"},
		{strings.Repeat("a", 25), chattext.ErrLong, "24 characters and 64 bytes"},
		{strings.Repeat("田", 22), chattext.ErrLong, "24 characters and 64 bytes"},
		{strings.Repeat("a", 1<<20), chattext.ErrLong, "24 characters"},
		{"an\xffn", chattext.ErrUTF8, `"an\xffn"`},
		{"-ann", chattext.ErrStart, `'-' (U+002D): a nickname begins with a letter or a digit`},
		{"'ann", chattext.ErrStart, "U+0027"},
		{"_", chattext.ErrStart, "U+005F"},
		{"an n", chattext.ErrRune, `' ' (U+0020): a nickname has letters, digits and - _ . [ ] '`},
		{"an\tn", chattext.ErrRune, `'\t' (U+0009)`},
		{"an\u200dn", chattext.ErrRune, `'\u200d' (U+200D)`},
		{"a\u202en", chattext.ErrRune, `'\u202e' (U+202E)`},
		{"ann!", chattext.ErrRune, "U+0021"},
		{"a/b", chattext.ErrRune, "U+002F"},
		{"😀", chattext.ErrRune, "U+1F600"},
		{"𐌰𐌱", chattext.ErrRune, "U+10330"}, // Gothic
		{"ＡＮＮ", chattext.ErrStyled, `'Ａ' (U+FF21): a nickname is written in plain letters and digits`},
		{"x²", chattext.ErrStyled, "U+00B2"},
		{"\u0301a", chattext.ErrMarks, "(U+0301): a mark stands on a letter"},
		{"1\u0301", chattext.ErrMarks, "a letter"},
		{"a-\u0301", chattext.ErrMarks, "a letter"},
		{"e\u0301\u0301", chattext.ErrMarks, "none twice"},
		{"x\u0301\u0301", chattext.ErrMarks, "none twice"},
		{"x\u0301\u0302\u0303\u0304\u0306", chattext.ErrMarks, "at most 4"},
		{"pаypal", chattext.ErrScript, `'а' (U+0430): a nickname is in one script: this is Cyrillic, after Latin`},
		{"さ김", chattext.ErrScript, "Hangul, after Hiragana"},
		{"田中a", chattext.ErrScript, "Latin, after Han"},
		{"a-ー", chattext.ErrScript, "Katakana, after Latin"},
		{"علي1٢", chattext.ErrDigits, "(U+0662): a nickname has digits of one kind"},
		{"x12٣4", chattext.ErrDigits, "(U+0663)"},
		{"ΝΙΝΑ", chattext.ErrPoses, `"ΝΙΝΑ", in Greek, looks like one of "NlNA"`},
	}
	for _, tt := range tests {
		shown, fold, err := chattext.Nick(tt.in)
		if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.says) || shown != "" || fold != "" {
			t.Errorf("Nick(%+.40q): got %q, %q, %v, want %v, with %q", tt.in, shown, fold, err, tt.want, tt.says)
		}
		if strings.ContainsAny(fmt.Sprint(err), "\n\r\x1b") {
			t.Errorf("Nick(%+.40q): %q is more than a line", tt.in, err)
		}
	}
}

func TestRoom(t *testing.T) {
	for in, want := range map[string]string{
		"lobby": "lobby", "#lobby": "lobby", " #Lobby\r": "Lobby", "go-dev": "go-dev", "v1.1": "v1.1", "кухня": "кухня", "居間": "居間", "2026_planning": "2026_planning",
		strings.Repeat("a", 32): strings.Repeat("a", 32), "cafe\u0301": "café", "#" + strings.Repeat("田", 32): strings.Repeat("田", 32),
	} {
		if got, _, err := chattext.Room(in); err != nil || got != want {
			t.Errorf("Room(%q): got %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"": chattext.ErrEmpty, "#": chattext.ErrEmpty, "# ": chattext.ErrEmpty, "##a": chattext.ErrRune, "..": chattext.ErrStart, ".hidden": chattext.ErrStart, "a/b": chattext.ErrRune, "a'b": chattext.ErrRune,
		"a b": chattext.ErrRune, "a,b": chattext.ErrRune, "lоbby": chattext.ErrScript, "ｌobby": chattext.ErrStyled, "a\nb": chattext.ErrRune, strings.Repeat("a", 33): chattext.ErrLong,
	} {
		if got, _, err := chattext.Room(in); !errors.Is(err, want) {
			t.Errorf("Room(%q): got %q, %v, want %v", in, got, err, want)
		}
	}
}

func TestRoomFolds(t *testing.T) {
	fold := func(name string) string {
		_, fold, err := chattext.Room(name)
		if err != nil {
			t.Errorf("Room(%q): %v", name, err)
		}
		return fold
	}
	for _, same := range [][2]string{{"lobby", "LOBBY"}, {"lobby", "#Lobby"}, {"lobby", "1obby"}, {"room", "roorn"}, {"сосоа", "cocoa"}, {"café", "CAFE\u0301"}} {
		if a, b := fold(same[0]), fold(same[1]); a != b {
			t.Errorf("rooms %q and %q: folds %q and %q, want one", same[0], same[1], a, b)
		}
	}
	for _, differ := range [][2]string{{"go-dev", "godev"}, {"v1.1", "v11"}, {"a_b", "a-b"}, {"cafe", "café"}, {"room2", "room3"}} {
		if a, b := fold(differ[0]), fold(differ[1]); a == b {
			t.Errorf("rooms %q and %q: one fold, %q", differ[0], differ[1], a)
		}
	}
}
