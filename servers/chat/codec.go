//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

// Codec is a way to write the chat: what clients send becomes commands, and what happens
// becomes bytes. The server has Lines, JSON and Chunks; a codec of one's own may embed
// one of them and change a method. Its methods are called on several loops at a time,
// and its values are compared: two connections share what is encoded if their codecs
// are ==.
type Codec interface {
	// Decode takes the first whole message off p, which ends is the last of. used is
	// how many bytes it had; 0 is that more must come first. An error ends the
	// connection; if it is a *Refusal, the client gets its Reply before that.
	Decode(p []byte, ends bool) (c Command, used int, err error)
	// Encode appends an event to dst: nothing, if its clients need not know. It is
	// called once for all members that have the codec; e does not change.
	Encode(dst []byte, e *Event) []byte
	// Echo is whether members get what they have said themselves.
	Echo() bool
}

// Refusal is the end of a connection that speaks another language.
type Refusal struct {
	Why   string
	Reply []byte // as it is to be sent
}

// Error implements error.
func (r *Refusal) Error() string { return "chat: " + r.Why }
