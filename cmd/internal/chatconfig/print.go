package chatconfig

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// Print writes the settings as a file that Fill takes, each with where its value comes
// from behind it, under the names of the groups that they stand in. One without a value
// is a comment.
func (s *Settings) Print(w io.Writer, groups []*pflag.FlagSet) error {
	var text strings.Builder
	for _, g := range groups {
		lines := 0
		g.VisitAll(func(f *pflag.Flag) {
			if slices.Contains(notSettings, f.Name) {
				return
			}
			if lines++; lines == 1 {
				fmt.Fprintf(&text, "# %s\n", g.Name())
			}
			text.WriteString(s.line(f))
		})
		if lines > 0 {
			text.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, strings.TrimSuffix(text.String(), "\n"))
	return err
}

// line is a setting in the file's words.
func (s *Settings) line(f *pflag.Flag) string {
	values, source := valuesOf(f), s.Source(f.Name)
	_, many := f.Value.(pflag.SliceValue)
	if source == "default" && strings.Join(values, "") == "" {
		return fmt.Sprintf("# %s is not set\n", f.Name)
	}
	value := any(values)
	if !many {
		value = plain(f.Value.Type(), values[0])
	}
	b, err := toml.Marshal(map[string]any{f.Name: value})
	if err != nil {
		panic(err) // strings, numbers and lists of strings can always be written
	}
	return fmt.Sprintf("%s # %s\n", strings.TrimSuffix(string(b), "\n"), source)
}

// plain is a value without quotation marks where TOML has a type for it.
func plain(kind, value string) any {
	if kind == "bool" {
		return value == "true"
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && kind == "N" {
		return n
	}
	return value
}
