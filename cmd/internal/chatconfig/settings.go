package chatconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Prefix begins the variables' names.
const Prefix = "IOMUX_CHAT_"

// Settings are the values of flags, and where they come from.
type Settings struct {
	flags   *pflag.FlagSet
	sources map[string]string // by flag; what is not there has its default
	given   []given
}

// given is a flag of the command line.
type given struct {
	name   string
	values []string
}

// Source is where a flag has its value from: "default", "flag", the name of a variable,
// or FILE:LINE.
func (s *Settings) Source(flag string) string {
	if source, ok := s.sources[flag]; ok {
		return source
	}
	return "default"
}

// notSettings are flags that are about a call, and stand in no file.
var notSettings = []string{"config", "help"}

// Variable is the name of a flag's variable.
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill gives flags that have been parsed the values of a file, unless file is "", and of
// the environment, as os.Environ has it. A variable that is empty says nothing. So does
// one of a name that no flag has: where a service is called iomux-chat, Kubernetes sets
// IOMUX_CHAT_PORT and others of its own. A key of the file must be a flag's, though.
//
// The error is all that was wrong, joined by errors.Join, each fault on a line of its
// own that begins with FILE:LINE or the variable. The flags have no useful values then.
func Fill(flags *pflag.FlagSet, file string, environ []string) (*Settings, error) {
	s := &Settings{flags: flags}
	flags.Visit(func(f *pflag.Flag) { s.given = append(s.given, given{f.Name, valuesOf(f)}) })
	return s, s.fill(file, environ)
}

// Again fills other flags, of the same names and with their defaults, with what was
// given on the command line, and anew with what the file and the environment say now.
// Errors: as of Fill.
func (s *Settings) Again(flags *pflag.FlagSet, file string, environ []string) (*Settings, error) {
	again := &Settings{flags: flags, given: s.given}
	return again, again.fill(file, environ)
}

// fill goes from what counts least to what counts most.
func (s *Settings) fill(file string, environ []string) error {
	s.sources = map[string]string{}
	var faults []error
	if file != "" {
		entries, err := read(file)
		if err != nil {
			return err
		}
		for _, e := range entries {
			faults = append(faults, s.enter(e))
		}
	}
	var names []string
	s.flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notSettings, f.Name) {
			names = append(names, f.Name)
		}
	})
	for _, name := range names {
		variable := Variable(name)
		if value, ok := lookup(environ, variable); ok && value != "" {
			values := []string{value}
			if _, many := s.flags.Lookup(name).Value.(pflag.SliceValue); many {
				values = strings.Split(value, ",")
			}
			if err := s.set(name, values, variable); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", variable, err))
			}
		}
	}
	for _, g := range s.given {
		// The flag has taken them before.
		if err := s.set(g.name, g.values, "flag"); err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", g.name, err))
		}
	}
	return errors.Join(faults...)
}

// enter sets what an entry of the file says.
func (s *Settings) enter(e entry) error {
	at := fmt.Sprintf("%s:%d", e.file, e.line)
	if e.fault != "" {
		return fmt.Errorf("%s: %s", at, e.fault)
	}
	if s.flags.Lookup(e.key) == nil || slices.Contains(notSettings, e.key) {
		return fmt.Errorf("%s: there is no setting %q%s", at, e.key, s.like(e.key))
	}
	if err := s.set(e.key, e.values, at); err != nil {
		return fmt.Errorf("%s: %s: %w", at, e.key, err)
	}
	return nil
}

// set gives a flag values: one, or of a list any number.
func (s *Settings) set(name string, values []string, source string) error {
	f := s.flags.Lookup(name)
	list, many := f.Value.(pflag.SliceValue)
	switch {
	case many:
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
		if err := list.Replace(values); err != nil {
			return fmt.Errorf("%q: %w", strings.Join(values, ","), err)
		}
	case len(values) != 1:
		return fmt.Errorf("it takes one value, not a list")
	default:
		if err := f.Value.Set(values[0]); err != nil {
			if f.Value.Type() == "bool" {
				err = errors.New("want true or false")
			}
			return fmt.Errorf("%q: %w", values[0], err)
		}
	}
	f.Changed = true
	s.sources[name] = source
	return nil
}

// like suggests a setting that a name may be a misspelling of.
func (s *Settings) like(key string) (hint string) {
	plain := func(s string) string { return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s)) }
	s.flags.VisitAll(func(f *pflag.Flag) {
		if plain(f.Name) == plain(key) && !slices.Contains(notSettings, f.Name) {
			hint = fmt.Sprintf(", did you mean %s?", f.Name)
		}
	})
	return hint
}

// valuesOf is what a flag has now, in words that it would take.
func valuesOf(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return slices.Clone(list.GetSlice())
	}
	return []string{f.Value.String()}
}

// lookup finds a variable; the last one of a name counts.
func lookup(environ []string, name string) (value string, ok bool) {
	for _, v := range environ {
		if rest, is := strings.CutPrefix(v, name+"="); is {
			value, ok = rest, true
		}
	}
	return value, ok
}

// Changed are the settings that have other values than before had, but for some.
func (s *Settings) Changed(before *Settings, but []string) (names []string) {
	s.flags.VisitAll(func(f *pflag.Flag) {
		was := before.flags.Lookup(f.Name)
		if !slices.Contains(but, f.Name) && !slices.Equal(valuesOf(f), valuesOf(was)) {
			names = append(names, f.Name)
		}
	})
	return names
}
