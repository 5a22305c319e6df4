// Package reactor runs network servers as callbacks on event loops: one loop a
// core, one goroutine a loop, no lock and no blocking call in between.
//
//	type echo struct{ reactor.NopHandler }
//
//	func (echo) Data(c *reactor.Conn, p []byte) int { c.Write(p); return len(p) }
//
//	err := reactor.ListenAndServe(ctx, "tcp://127.0.0.1:7000", echo{})
//
// A [Group] owns the loops, a [Listener] accepts on all of them, and each [Conn]
// belongs to one [Loop] for life.
//
// # One turn of a loop
//
//	  ┌────────────────────────────────────────────────────────────┐
//	  │                                                            │
//	wait      ask the selector; park if nothing is ready (park.go) │
//	  │                                                            │
//	dispatch  each ready descriptor: accept, or read → Data →      │
//	  │       flush what Data wrote, in one system call            │
//	posted    functions handed over by other goroutines            │
//	  │                                                            │
//	timers    what is due                                          │
//	  │                                                            │
//	settle    flush what callbacks wrote to other connections,     │
//	  │       call Closed, close descriptors                       │
//	  └────────────────────────────────────────────────────────────┘
//
// Descriptors are closed at the end of the turn and nowhere else, so a number
// cannot come back inside the batch that still holds events of its old owner.
//
// # Who may call what
//
// Handlers and all methods of Conn run on the connection's loop. From other
// goroutines only what says so may be called: Conn.Post and Loop.Post, which
// hand a function to the loop, and the methods of Group and Listener.
package reactor
