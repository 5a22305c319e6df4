//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

// Command is what a client wants done.
type Command struct {
	// Name is which: one of the server's own (the help lists them), or of
	// Options.Commands. Empty: nothing, as an empty line.
	Name string
	// Room is the room it is about. Empty: the one that the member joined last.
	Room string
	// To is whom it is about: a nickname, or what can be banned.
	To string
	// Text is the rest.
	Text string
	// ID is returned in what comes of it. A message whose ID the room's history has
	// already from the same nickname is not said again.
	ID string
	// After and Epoch, of join, tell what the client has seen of the room: the history
	// begins behind that, if it reaches so far.
	After uint64
	Epoch string
	// Rooms are those that hello joins. Nil: the lobby.
	Rooms []Since
}

// Since is a room, and what a client has seen of it.
type Since struct {
	Room  string `json:"room"`
	After uint64 `json:"after"`
	Epoch string `json:"epoch"`
}
