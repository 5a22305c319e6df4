//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"log/slog"
	"net/netip"
	"time"
)

// Options tune a Server. The zero value is a chat as one would want it; a field left zero
// means its default. A limit less than 0 is none.
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
	// lasted for Patience. Defaults: 10, 20 and 10 s.
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
	// Exempt are addresses that the three limits by address are not for.
	Exempt []netip.Prefix
	// Proxies are addresses that may say, by a PROXY header (version 1 or 2), for whom
	// they speak; from them it must come first.
	Proxies []netip.Prefix

	// MaxText is how long a message may be, and MaxTopic a topic, in bytes. Defaults:
	// 2000 and 300.
	MaxText, MaxTopic int
	// MaxRooms is how many rooms there may be, RoomsPerMember in how many one may be.
	// Defaults: 10,000 and 20.
	MaxRooms, RoomsPerMember int
	// History is how many messages of a room are kept, and HistoryBytes how long they
	// may be together; Replay is how many of them who joins is shown. Defaults: 1000,
	// 1 MiB and 50.
	History, HistoryBytes, Replay int
	// KeepRoom is how long an empty room is kept. Default: 1 min.
	KeepRoom time.Duration
	// Quiet is how many members a room may have before coming and going is not told in
	// it any more: to tell everybody of everybody costs the square of their number.
	// Default: 200.
	Quiet int
	// PingAfter is how long a client may be silent before it is sent a Ping, where its
	// codec has one, and IdleTimeout how long before it is closed: 0 is 5 min and, for
	// codecs with a ping, 10 min.
	PingAfter, IdleTimeout time.Duration

	// Logger gets what operators do, and who is dropped, and why. Default:
	// slog.Default().
	Logger *slog.Logger

	now func() time.Time // for tests
}
