//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "time"

// Kind is what kind of thing has happened. Its value is the "ev" of JSON.
type Kind string

// The kinds, and the fields of an Event that each has beside its Kind and Time.
const (
	Welcome Kind = "welcome" // Nick: the member's own; Text: the message of the day; By: the server; Login
	Named   Kind = "named"   // Nick: the member's own from now on
	Said    Kind = "said"    // Room, Seq, Nick, Text, ID
	Acted   Kind = "acted"   // of /me: as Said
	Told    Kind = "told"    // in private: Nick, To, Text, ID
	Joined  Kind = "joined"  // Room, Nick
	Left    Kind = "left"    // Room, Nick, Text: why
	Renamed Kind = "renamed" // Room, Nick, To: the new one
	Topic   Kind = "topic"   // Room, Seq, Nick, Text; to who joins, with Old set and no Seq
	Kicked  Kind = "kicked"  // Room, Nick, By, Text: why
	Entered Kind = "entered" // the member has joined: Room, Epoch, Seq: its last one, Count, Missed
	Exited  Kind = "exited"  // the member has left: Room, Text: why
	Members Kind = "members" // Room, Names, Count
	Rooms   Kind = "rooms"   // Rooms
	Notice  Kind = "notice"  // Text, By: who says so, "" is the server
	Failed  Kind = "failed"  // Code, Text, ID: a command of the member's was not done
	Pong    Kind = "pong"    // ID
)

// Event is something that has happened, as members are told of it. Its texts have been
// cleaned: see Clean.
type Event struct {
	Kind Kind
	Time time.Time
	Room string
	// Seq numbers what a room's history keeps. It rises for as long as the room's Epoch
	// lasts, by one, and by more when the server has been started anew.
	Seq   uint64
	Epoch string
	Nick  string // whose doing it is
	To    string
	By    string
	Text  string
	ID    string // by which the sender knows its command again
	Code  string // of Failed, see the Code constants
	Old   bool   // it is from the history
	// Missed: there was more between what the member asked to go on from and the
	// oldest that the history has.
	Missed bool
	Login  bool // one must log in before anything else
	Count  int  // members of the room
	Names  []string
	Rooms  []RoomInfo
}

// RoomInfo is a room as the list of rooms has it.
type RoomInfo struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Topic string `json:"topic,omitempty"`
}

// Codes of what has failed.
const (
	CodeUnknown  = "unknown"  // there is no such command
	CodeUsage    = "usage"    // its arguments are not right
	CodeNick     = "nick"     // the nickname is taken, reserved or not possible
	CodeRoom     = "room"     // there is no such room, or it is not possible
	CodeNobody   = "nobody"   // there is no such member
	CodeOutside  = "outside"  // the member is not in the room
	CodeLogin    = "login"    // it must log in first, or could not
	CodeOperator = "operator" // it is not an operator
	CodeMuted    = "muted"
	CodeBanned   = "banned"
	CodeLimit    = "limit" // too much, too often or too long
)
