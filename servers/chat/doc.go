//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

// Package chat is a chat server: rooms with members, topics and a history, nicknames that
// nobody can imitate, private messages, operators, on the loops of a reactor.Group.
//
//	server, err := chat.New(group, chat.Options{})
//	listener, err := group.Listen("tcp://127.0.0.1:7000", server.Handler(chat.Lines{}), reactor.ListenOptions{})
//
// A Codec says how clients write: Lines for nc and telnet, JSON for programs, Chunks for
// the clients of the tutorials. Members of all codecs are in the same rooms. Codecs of
// one's own may embed one of these, and Options.Commands adds commands; example_test.go
// has both. Over something that is not a plain stream, such as WebSocket, a member enters
// by Handler.Enter.
//
// # The way of a message
//
//	conn ──Data──▶ Codec.Decode ─▶ Command ──post──▶ hub ─▶ Event ──one post a loop──▶ hall ─▶ Write
//	(any loop)                            (home loop)                  (each loop)
//
// The hub decides all: it is on one loop, the home, and so all members hear everything
// in the same order. What comes of a command goes to the hall of each loop that has
// members it is for, with one post; there it is encoded once for each Handler, and the
// bytes are shared. A member is written to once a turn, whatever was said in it. Nobody
// holds a lock meanwhile, and nobody waits: for who does not read, the connection keeps
// so much as reactor.Options.WriteLimit says, and is closed then.
//
// # Bounds
//
// Options bounds rates, connections, rooms, texts and histories, all with defaults.
// Whoever gives commands too fast is read more slowly, and in the end cut off.
package chat
