// Package reactor runs network servers and clients as callbacks on event loops:
// one loop a core, one goroutine a loop, no lock and no blocking call in between.
//
//	type echo struct{ reactor.NopHandler }
//
//	func (echo) Data(c *reactor.Conn, p []byte) int { c.Write(p); return len(p) }
//
//	err := reactor.ListenAndServe(ctx, "tcp://127.0.0.1:7000", echo{})
//
// A [Group] owns the loops. A [Listener] accepts on all of them, and each [Conn]
// belongs to one [Loop] for life; [Loop.Dial] makes one from this side. Datagrams
// come to a [PacketConn], one for each loop of a [PacketListener]. Addresses are
// URLs:
//
//	tcp://127.0.0.1:7000  tcp://[::]:0   also tcp4, tcp6
//	udp://127.0.0.1:7000                 also udp4, udp6
//	unix:///run/x.sock    unix:@name     a stream; @ is Linux's abstract names
//	unixpacket:///run/x.sock             a stream of messages
//	unixgram:///run/x.sock               datagrams
//
// # One turn of a loop
//
//	  ┌────────────────────────────────────────────────────────────┐
//	  │                                                            │
//	wait      ask the selector; park if nothing is ready (park.go) │
//	  │       until the first alarm is due                         │
//	  │                                                            │
//	dispatch  each ready descriptor: accept, or read → Data →      │
//	  │       flush what Data wrote, in one system call; a batch   │
//	  │       of datagrams → Packet → send the answers, in one     │
//	  │                                                            │
//	posted    functions handed over by other goroutines            │
//	  │                                                            │
//	timers    what is due: timers, and connections that may have   │
//	  │       timed out                                            │
//	  │                                                            │
//	settle    flush what callbacks wrote to other connections,     │
//	  │       call Closed, close descriptors; publish the counts   │
//	  └────────────────────────────────────────────────────────────┘
//
// Descriptors of connections are closed at the end of the turn and nowhere else, so
// a number cannot come back inside the batch that still holds events of its old
// owner. A listener's, or one that connects, is closed at once: its one event of the
// batch is the one at hand, or it is closed outside of the batch.
//
// # Bounds
//
// What waits for a slow peer, what a handler leaves unused, how many connections
// there are and what they hold together is bounded by [Options]. A connection
// closes in one of three ways: [Conn.Close] sends what was written, and waits a
// moment for the peer to have it; [Conn.CloseWrite] ends one direction only;
// [Conn.Abort] resets it. [Group.Shutdown] closes all, in order as long as there is
// time.
//
// # TLS
//
// With [ListenOptions].TLS or [DialOptions].TLS a connection comes to its handler when
// it has shaken hands, and brings and takes plaintext; [Conn.TLS] has what was agreed
// on. It is crypto/tls, on the loop. Bounds are then those of the ciphertext; the
// peer's close_notify is its end of file, and an end of file without that the error
// io.ErrUnexpectedEOF. Close, CloseWrite and Shutdown send close_notify.
//
// # Who may call what
//
// Handlers and all methods of Conn, PacketConn and Timer run on the connection's
// loop. From other goroutines only what says so may be called: Post, Dial, and the
// methods of Group, Listener and PacketListener.
package reactor
