package chatconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// limited is a value that takes what begins with "good".
type limited string

func (l *limited) String() string { return string(*l) }
func (l *limited) Type() string   { return "WORD" }
func (l *limited) Set(s string) error {
	if !strings.HasPrefix(s, "good") {
		return errors.New("want good")
	}
	*l = limited(s)
	return nil
}

// some makes a set of flags of every kind.
func some(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	f := pflag.NewFlagSet("Group", pflag.ContinueOnError)
	f.SortFlags = false
	word := limited("good by default")
	f.String("name", "nobody", "")
	f.Bool("on-or-off", false, "")
	f.StringArray("list", []string{"one"}, "")
	f.Var(&word, "word", "")
	f.String("config", "", "")
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What counts more wins, and every value's source is known.
func TestFill(t *testing.T) {
	const all = "name = \"f\"\non-or-off = true\nlist = [\"f\", \"g\"]\nword = \"good f\"\n"
	env := []string{"IOMUX_CHAT_NAME=v", "IOMUX_CHAT_ON_OR_OFF=false", "IOMUX_CHAT_LIST=v, w", "IOMUX_CHAT_WORD=good v"}
	args := []string{"--name=c", "--on-or-off", "--list=c", "--word=good c"}
	name := file(t, all)
	for _, c := range []struct {
		args []string
		file string
		env  []string
		want string
	}{
		{nil, "", nil, "nobody default, false default, one default, good by default default"},
		{nil, name, nil, fmt.Sprintf("f %[1]s:1, true %[1]s:2, f g %[1]s:3, good f %[1]s:4", name)},
		{nil, name, env, "v IOMUX_CHAT_NAME, false IOMUX_CHAT_ON_OR_OFF, v w IOMUX_CHAT_LIST, good v IOMUX_CHAT_WORD"},
		{args, name, env, "c flag, true flag, c flag, good c flag"},
		{args, "", nil, "c flag, true flag, c flag, good c flag"},
		{nil, "", []string{"IOMUX_CHAT_NAME=first", "IOMUX_CHAT_NAME=last", "IOMUX_CHAT_WORD="}, "last IOMUX_CHAT_NAME, false default, one default, good by default default"},
	} {
		s, err := Fill(some(t, c.args...), c.file, c.env)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		var got []string
		for _, n := range []string{"name", "on-or-off", "list", "word"} {
			got = append(got, strings.Join(valuesOf(s.flags.Lookup(n)), " ")+" "+s.Source(n))
			if changed := s.flags.Changed(n); changed != (s.Source(n) != "default") {
				t.Errorf("%s from %s: changed is %v", n, s.Source(n), changed)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%v with %v: got\n%s, want\n%s", c.args, c.env, strings.Join(got, ", "), c.want)
		}
	}
}

// Fill again takes the same command line, and the file as it is then; what has changed is
// known.
func TestAgain(t *testing.T) {
	name := file(t, "name = \"f\"\nword = \"good\"\n")
	s, err := Fill(some(t, "--name=c"), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("name = \"g\"\nlist = [\"x\"]\non-or-off = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := s.Again(some(t), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Changed(s, []string{"on-or-off"}); !slices.Equal(got, []string{"list", "word"}) {
		t.Errorf("changed: %v", got)
	}
	if v := again.flags.Lookup("name").Value.String(); v != "c" {
		t.Errorf("the name is %s", v)
	}
}

// Every fault is told, with its place.
func TestFaults(t *testing.T) {
	name := file(t, "\nfrob = 1\nOn_Or_Off = true\nword = 'bad'\nlist = [1, 2.5, true]\nname = []\nconfig = 'x'\n[word2]\nx = 1\n[[more]]\n")
	_, err := Fill(some(t), name, []string{"IOMUX_CHAT_ON_OR_OFF=maybe", "IOMUX_CHAT_CONFIG=y"})
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := []string{
		name + `:2: there is no setting "frob"`,
		name + `:3: there is no setting "On_Or_Off", did you mean on-or-off?`,
		name + `:4: word: "bad": want good`,
		name + `:6: name: it takes one value, not a list`,
		name + `:7: there is no setting "config"`,
		name + `:8: "word2" is a table or a time: want a string, a number, true, false or a list of strings`,
		name + `:10: "more" is a table or a time: want a string, a number, true, false or a list of strings`,
		`IOMUX_CHAT_ON_OR_OFF: "maybe": want true or false`,
	}
	var got []string
	for _, err := range list.Unwrap() {
		got = append(got, err.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBadFiles(t *testing.T) {
	big := file(t, strings.Repeat("# so long\n", sizeLimit/10+1))
	for name, want := range map[string]string{
		file(t, "a = [\n1,\n"):              ":", // where it ends
		file(t, "name = 'x'\n= 1\n"):        ":2: column 1",
		file(t, "name = 'x'\nname = 'y'\n"): "name",
		file(t, "list = [[1], 2]\n"):        `:1: "list" is a table`,
		big:                                 "at most",
		t.TempDir():                         "directory",
		filepath.Join(t.TempDir(), "nowhere.toml"): "no such file",
	} {
		_, err := Fill(some(t), name, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is printed can be read again, whatever it is.
func TestPrint(t *testing.T) {
	for _, value := range []string{"", "plain", `quo"ted' \ # =`, "two\nlines\r\n\ttabs", "é ☃ \u0001 \u2028", "'''", `"""`} {
		flags := some(t, "--name="+value, "--list="+value, "--list=b", "--on-or-off")
		s, err := Fill(flags, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := s.Print(&text, []*pflag.FlagSet{flags}); err != nil {
			t.Fatal(err)
		}
		again, err := Fill(some(t), file(t, text.String()), nil)
		if err != nil {
			t.Errorf("%q: %v\n%s", value, err, text.String())
			continue
		}
		if changed := again.Changed(s, nil); len(changed) > 0 {
			t.Errorf("%q: %v came back as other values:\n%s", value, changed, text.String())
		}
		if strings.Contains(text.String(), "config") {
			t.Errorf("it has settings that are none:\n%s", text.String())
		}
	}
}

// No file makes it panic, and what it takes it takes as a TOML reader would.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"a = 1\n", "[a.b]\nc = 'x'\n[[d]]\n", "a.b.c = [1, 'x', {y = 2}]\n", "a = \"\"\"\nx\"\"\"\nb = 1", "'a b' = 1e3\n\"\" = -0.0\n", "a = 1979-05-27T07:32:00Z", "\ufeffa = 1"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(dir, "x.toml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := read(name)
		if err != nil {
			return
		}
		var all map[string]any
		if err := toml.Unmarshal([]byte(text), &all); err != nil || len(all) != len(entries) {
			t.Errorf("%+v of %q, which has %v, %v", entries, text, all, err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, e := range entries {
			if e.line < 1 || e.line > lines || (e.fault == "") != (e.values != nil) {
				t.Errorf("%+v of %q", e, text)
			}
		}
	})
}
