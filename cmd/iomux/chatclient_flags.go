//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// chatPort is where iomux chat listens unless it is told otherwise.
const chatPort = "7000"

// chatTransport is what a chat's URL comes down to: tcp:// for chat://, tls:// for
// chats://, with a port. is reports whether it is a chat's at all; another URL is
// returned as it is.
func chatTransport(url string) (over string, is bool) {
	scheme, rest, found := strings.Cut(url, "://")
	switch strings.ToLower(scheme) {
	case "chat":
		over = "tcp://"
	case "chats":
		over = "tls://"
	default:
		return url, false
	}
	if !found {
		return url, false
	}
	// The colons in brackets are an IPv6 address's own.
	if rest != "" && strings.LastIndexByte(rest, ':') <= strings.LastIndexByte(rest, ']') {
		rest += ":" + chatPort
	}
	return over + rest, true
}

// checkChat refuses an address that cannot be a chat's.
func checkChat(url, over string) error {
	if _, _, err := target(over); err != nil {
		return usagef("%q cannot be a chat's, want chat://HOST, chat://HOST:PORT or chats://HOST:PORT: %w", url, err)
	}
	return nil
}

// chatFlags are what a client of a chat can be told.
type chatFlags struct {
	nick, room, login chatWord
	reconnect         bool
	color             choice
}

// When a client is to colour what it shows.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

func (f *chatFlags) add(cmd *cobra.Command) {
	f.color = choice{name: "WHEN", value: colorAuto, of: []string{colorAuto, colorAlways, colorNever}}
	flags := cmd.Flags()
	flags.Var(&f.nick, "nick", "chat: be called `NAME`")
	flags.Var(&f.room, "room", "chat: enter the room `NAME`")
	flags.Var(&f.login, "login", "chat: log in as `NAME`; the secret is asked for, and not shown")
	flags.BoolVar(&f.reconnect, "reconnect", false, "chat: connect again when the connection is lost")
	flags.Var(&f.color, "color", "chat: colours when on a terminal (auto), always or never")
	f.color.complete(cmd, "color")
	for _, name := range []string{"nick", "room", "login"} {
		if err := cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions); err != nil {
			panic(err) // there is no such flag, or it is completed already
		}
	}
}

// check refuses the flags with a URL that is no chat's.
func (f *chatFlags) check(url string) error {
	if f.nick+f.room+f.login == "" && !f.reconnect && f.color.value == colorAuto {
		return nil
	}
	return usagef("--nick, --room, --login, --reconnect and --color are for a URL such as chat://127.0.0.1:%s, not for %q", chatPort, url)
}

// colors reports whether there are to be any, on a screen or elsewhere.
func (f *chatFlags) colors(screen bool) bool {
	if f.color.value != colorAuto {
		return f.color.value == colorAlways
	}
	return screen && os.Getenv("NO_COLOR") == "" && cmp.Or(os.Getenv("TERM"), "dumb") != "dumb"
}

// chatWord is a flag that takes a name, of which the server decides whether it may be
// one. It must only not be more than one word of a line.
type chatWord string

var _ pflag.Value = new(chatWord)

func (w *chatWord) Type() string { return "NAME" }

func (w *chatWord) String() string { return string(*w) }

// Set takes the # before a room's name, too, which is not its own.
func (w *chatWord) Set(s string) error {
	name := strings.TrimPrefix(s, "#")
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	switch {
	case name == "" || strings.ContainsFunc(name, odd):
		return errors.New("want a name, without spaces")
	case len(name) > wordLimit:
		return fmt.Errorf("want a name of at most %d bytes", wordLimit)
	}
	*w = chatWord(name)
	return nil
}

// wordLimit is how long a name may be, in bytes: that of a room, which may be longer
// than a nickname.
const wordLimit = 96
