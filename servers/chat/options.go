//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Options tune a Server. The zero value is a chat as one would want it; a field left zero
// means its default. A rate or limit less than 0 is none, but for MaxText and MaxTopic;
// History, HistoryBytes and Replay less than 0 are nothing.
type Options struct {
	// Name is what the server calls itself. Default: "iomux".
	Name string
	// MOTD, the message of the day, is shown to everybody who comes. Default: none.
	MOTD string
	// Lobby is the room everybody begins in. Default: "lobby".
	Lobby string
	// Commands are further commands, by their names, in lower case. One that has the
	// name of the server's own replaces it.
	Commands map[string]CommandSpec

	// Auth checks who logs in. Default: nobody can, and nobody need.
	Auth Authenticator
	// RequireLogin has members log in before anything else.
	RequireLogin bool
	// Store keeps rooms and bans for the next time the server starts. Default: they
	// are kept in memory only.
	Store Store

	// Rate is how many commands a second a connection may give, on average, and Burst
	// how many at once. Who gives more is read more slowly, and closed when that has
	// lasted for Patience. Defaults: 10, 20 and 5 s.
	Rate, Burst float64
	Patience    time.Duration
	// AddrRate and AddrBurst are the same for all connections of one address together,
	// of IPv6 one /64. Defaults: 40 and 200.
	AddrRate, AddrBurst float64
	// JoinRate and NickRate are how many rooms a member may join, and how often it may
	// change its nickname, within a minute. Defaults: 30 and 3.
	JoinRate, NickRate float64
	// ConnsPerAddr is how many connections one address may have at a time, and
	// ConnRate how many it may make a second, with twice that at once. Defaults: 64 and 20.
	ConnsPerAddr int
	ConnRate     float64
	// Exempt are addresses that the limits by address are not for: these three, and that of
	// logins that wait.
	Exempt []netip.Prefix
	// Proxies are addresses that may say, by a PROXY header (version 1 or 2), for whom
	// they speak; from them it must come first.
	Proxies []netip.Prefix

	// MaxText is how long a message may be, and MaxTopic a topic, in bytes. Defaults:
	// 2000 and 300, or MaxText if that is less.
	MaxText, MaxTopic int
	// MaxRooms is how many rooms there may be, RoomsPerMember in how many one may be.
	// Defaults: 10,000 and 20.
	MaxRooms, RoomsPerMember int
	// History is how many messages of a room are kept, and HistoryBytes how long they
	// may be together; Replay is how many of them who joins is shown. Defaults: 1000,
	// 1 MiB and 50.
	History, HistoryBytes, Replay int
	// HistoryTotal is how long the histories of all rooms may be together, as they are
	// kept in memory; a room then forgets as much as it takes in. Default: 256 MiB.
	HistoryTotal int
	// KeepRoom is how long an empty room is kept. Default: 1 min.
	KeepRoom time.Duration
	// Quiet is how many members a room may have before coming and going is not told in
	// it any more: to tell everybody of everybody costs the square of their number.
	// Default: 200.
	Quiet int
	// IdleTimeout is how long a client may send nothing; it is told a minute before.
	// Not for codecs that are Alive. Default: 1 h.
	IdleTimeout time.Duration

	// Logger gets what operators do, and who is dropped, and why. Default:
	// slog.Default().
	Logger *slog.Logger

	now func() time.Time // for tests
	// hush is how long a client that need not speak first may take to show that it is a
	// client of another protocol, before it is greeted. Default: 200 ms.
	hush time.Duration
}

// fill puts defaults where nothing is said, and looks whether the rest is possible.
func (o *Options) fill() error {
	orDefault(&o.Name, "iomux")
	orDefault(&o.Lobby, "lobby")
	orDefault(&o.Logger, slog.Default())
	orDefault(&o.Rate, 10)
	orDefault(&o.Burst, 20)
	orDefault(&o.Patience, 5*time.Second)
	orDefault(&o.AddrRate, 40)
	orDefault(&o.AddrBurst, 200)
	orDefault(&o.JoinRate, 30)
	orDefault(&o.NickRate, 3)
	orDefault(&o.ConnsPerAddr, 64)
	orDefault(&o.ConnRate, 20)
	orDefault(&o.MaxText, 2000)
	orDefault(&o.MaxTopic, min(300, o.MaxText))
	orDefault(&o.MaxRooms, 10_000)
	orDefault(&o.RoomsPerMember, 20)
	orDefault(&o.History, 1000)
	orDefault(&o.HistoryBytes, 1<<20)
	orDefault(&o.HistoryTotal, 256<<20)
	orDefault(&o.Replay, 50)
	orDefault(&o.KeepRoom, time.Minute)
	orDefault(&o.Quiet, 200)
	orDefault(&o.IdleTimeout, time.Hour)
	orDefault(&o.hush, 200*time.Millisecond)
	if o.now == nil {
		o.now = time.Now
	}
	var err error
	if o.Lobby, _, err = foldRoom(o.Lobby); err != nil {
		return fmt.Errorf("%w: the lobby's name: %w", ErrOption, err)
	}
	if o.MaxText < 1 || o.MaxText > maxText {
		return fmt.Errorf("%w: MaxText is %d, want 1 to %d", ErrOption, o.MaxText, maxText)
	}
	if o.MaxTopic < 1 || o.MaxTopic > o.MaxText {
		return fmt.Errorf("%w: MaxTopic is %d, want 1 to MaxText, which is %d", ErrOption, o.MaxTopic, o.MaxText)
	}
	if o.RequireLogin && o.Auth == nil {
		return fmt.Errorf("%w: RequireLogin without Auth: nobody could come in", ErrOption)
	}
	for name := range o.Commands {
		if name != clean(name, 32) || name == "" || name == helloCommand {
			return fmt.Errorf("%w: %q cannot be the name of a command", ErrOption, name)
		}
	}
	o.History, o.HistoryBytes, o.Replay = max(o.History, 0), max(o.HistoryBytes, 0), max(o.Replay, 0)
	o.Name, o.MOTD = clean(o.Name, 64), cleanLines(o.MOTD)
	return nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// maxText bounds MaxText: a message must fit a line of Lines.
const maxText = 4000
