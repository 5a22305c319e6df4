//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

// Codec is a way to write the chat: what clients send becomes commands, and what happens
// becomes bytes. The package has Lines, JSON and Chunks; a codec of one's own may embed
// one of them and change a method. Its methods are called on several loops at a time.
type Codec interface {
	// Decode takes the first whole message off p. used is how many bytes it had; 0 is
	// that more must come first, if the client has not ended, which ends tells. Strings
	// of the command are copies. An error ends the connection; if it is a *Refusal, the
	// client gets its Reply before that.
	Decode(p []byte, ends bool) (c Command, used int, err error)
	// Encode appends an event to dst: nothing, if its clients need not know. It is
	// called once for all members of a Handler; e does not change.
	Encode(dst []byte, e *Event) []byte
	// Traits tells what its clients are like.
	Traits() Traits
}

// Traits are what a Server has to know of a Codec's clients.
type Traits struct {
	// Echo: they want what they have said themselves.
	Echo bool
	// Hello: they speak first, and get nothing before they have.
	Hello bool
	// Foreign: they may turn out to be clients of another protocol, HTTP, TLS or IRC,
	// which get an answer that they understand.
	Foreign bool
	// Alive: something else looks whether they are there, as WebSocket's ping does;
	// Options.IdleTimeout is not for them.
	Alive bool
}

// Refusal is the end of a connection that speaks another language.
type Refusal struct {
	Why   string
	Reply []byte // as it is to be sent
}

// Error implements error.
func (r *Refusal) Error() string { return "chat: " + r.Why }
