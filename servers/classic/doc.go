// Package classic has the servers that tutorials on sockets are made of: echo, a chat,
// a telephone menu, a clock, one that answers in capitals, and so on. On the wire they
// say what they say there. But no client can do them harm: one that resets its
// connection, never reads, or sends a line without end loses its own connection, and
// that is all; and other machines are let in only where one asks for it.
//
//	entry, ok := classic.Find("chat")
//	...
//	start := entry.Setup(flags) // a flag.FlagSet: it adds what only this server has
//	...                         // parse them
//	server, err := start(classic.Options{})
//
// What the tutorials have built on sockets and selectors is a handler on the reactor's
// loops here, and what they have built on socketserver is on servers/socketserver. Each
// server is a file of its own, and a line in the table behind [Servers].
//
// With [Options.Transcript] a server prints what its original does, line by line. For
// mode fork a program calls [Main] first of all.
package classic
