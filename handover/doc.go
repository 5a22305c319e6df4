// Package handover takes over sockets from another process: from systemd, or
// from the predecessor of this very server, so that a server is replaced by its
// next version and no connection is refused or lost.
//
// It deals in [Socket] values, which package reactor makes of a listener (Files)
// and listens on (Group.Adopt, Group.AdoptPacket), and does not depend on it.
//
// # From systemd
//
// [Inherited] gives the sockets that systemd has opened for its service (socket
// activation), and [Notify] tells it when the service is ready.
//
// # From a predecessor
//
// A running server waits for its successor at a socket file, with [Listen] and
// [Server.Serve]. The successor looks there first, with [Take]:
//
//	taken, err := handover.Take(ctx, "/run/echo.handover")
//	switch {
//	case err == nil:             // there is a predecessor, and here are its sockets
//		for _, s := range taken.Sockets {
//			listener, err := group.Adopt(s.Files, handler, reactor.ListenOptions{})
//			…
//		}
//		server, err = taken.Done(ctx) // now it leaves
//	case errors.Is(err, handover.ErrNobody):
//		listener, err := group.Listen("tcp://127.0.0.1:7000", handler, reactor.ListenOptions{})
//		…
//		server, err = handover.Listen("/run/echo.handover")
//	}
//	err = server.Serve(ctx, sockets, leave) // until the next one comes
//
// What is passed on are descriptors of the same open sockets, so that nothing in
// the kernel's queues is lost, and both processes accept for a moment:
//
//	predecessor                       successor
//	accepts                           Take: connects, gets the descriptors
//	accepts                           Adopt: accepts
//	stops accepting  ◄── done ───     Done
//	drains           ── released ──►  Serve: waits for its own successor
//
// The predecessor goes on as if nothing had happened when the successor ends
// before it is done, by a crash or by [Takeover.Close]; and when the predecessor
// ends first, the successor has all there is. The socket file of the hand-over is
// passed on too: it never disappears, and a third process that connects to it
// meanwhile waits until the second one serves.
//
// Both processes belong to one user: the file has the mode 0600, and where the
// kernel tells who is at the other end (Linux, macOS, FreeBSD) both sides look, and
// take that user and root.
package handover
