//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "time"

// Store keeps what is to outlive the process. Load may be called at any time; the other
// methods one at a time.
type Store interface {
	// Load returns what was kept of a room: ok is false where nothing was. events are
	// its last ones, the oldest first, at most limit; Topic among them are topics. Where
	// both ok and err are given, r is what could be read, and goes on to be kept; with
	// err alone nothing new of the room is. It is called on a loop, which waits for it:
	// milliseconds.
	Load(room string, limit int) (r StoredRoom, ok bool, err error)
	// Append keeps events, in the order they have happened, and rooms' epochs. It is
	// called on a goroutine of its own, and may take its time.
	Append(rooms []StoredRoom) error
	// Bans returns the bans that are kept.
	Bans() ([]Ban, error)
	// SaveBans keeps these instead.
	SaveBans([]Ban) error
}

// StoredRoom is a room, or what is new of it.
type StoredRoom struct {
	Name, Epoch string
	Topic       Event // the last one; no Seq: none was set
	Seq         uint64
	Events      []Event // Said and Acted
}

// Ban keeps somebody out.
type Ban struct {
	// Whom is a nickname, an address or a network, as CIDR.
	Whom  string    `json:"whom"`
	By    string    `json:"by,omitempty"`
	Until time.Time `json:"until,omitzero"` // zero: for ever
}
