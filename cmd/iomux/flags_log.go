//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// logFlags say what a server tells of itself.
type logFlags struct {
	stats  span
	format choice
	level  choice
}

func (f *logFlags) group() *pflag.FlagSet {
	*f = logFlags{
		stats:  span{min: 100 * time.Millisecond, off: true},
		format: choice{name: "FORMAT", value: "text", of: []string{"text", "json"}},
		level:  choice{name: "LEVEL", value: "info", of: []string{"debug", "info", "warn", "error"}},
	}
	g := flagGroup("Log")
	g.Var(&f.stats, "stats", "print a line of counts this often, or off")
	g.Var(&f.format, "log-format", "form of the log: "+orList(f.format.of))
	g.Var(&f.level, "log-level", "least level to log: "+orList(f.level.of))
	return g
}

// complete has a shell complete what the flags take.
func (f *logFlags) complete(cmd *cobra.Command) {
	f.format.complete(cmd, "log-format")
	f.level.complete(cmd, "log-level")
}

// logger makes the log that the flags ask for.
func (f *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level.value)); err != nil {
		panic(err) // the flag takes the names of levels only
	}
	o := &slog.HandlerOptions{Level: level}
	if f.format.value == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
