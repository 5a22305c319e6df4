// Package websocket serves WebSocket (RFC 6455) on the loops of package reactor,
// and beside it, on the same port, the web pages that use it.
//
//	type echo struct{ websocket.NopHandler }
//
//	func (echo) Message(c *websocket.Conn, text bool, p []byte) { c.Write(text, p) }
//
//	server, err := websocket.New(echo{}, websocket.Options{Path: "/echo"})
//	listener, err := group.Listen("tcp://127.0.0.1:8080", server, reactor.ListenOptions{})
//
// A Server is a reactor.Handler. Nothing in it waits for a peer: half a request, or
// half a frame, stays in the reactor's input buffer until the rest has come. With
// reactor.ListenOptions.TLS the same server speaks wss and https.
//
// # Bounds
//
// A header block may have 8 KiB (431), a frame Options.FrameLimit bytes and a message
// MessageLimit (close code 1009). A frame that is too large is refused at its header.
// The fragments that wait in all connections for the rest of their messages may have
// AssemblyLimit bytes together (1013); how long they wait is not bounded. A peer may
// send a hundred pings a second (1008). An idle connection holds no buffer, but its
// request.
//
// How long things may take is said to the reactor, by reactor.Timeouts. Handshake is
// the time for the first request to be complete, whether it asks for WebSocket or for
// a page; Read the time for a later one, or for a frame. Idle ends a connection kept
// for the next request; one that is WebSocket is kept busy by PingEvery. Write ends
// one whose peer takes nothing. Without these a peer may take its time for ever.
//
// reactor.Options.ReadLimit must allow FrameLimit and another 80 KiB, for what has
// come behind a frame after PauseReading; WriteLimit a message that is sent, and
// 128 KiB for pages. The defaults do.
//
// # Browsers
//
// Any page of any site may have its reader's browser connect here, cookies included;
// the browser says in Origin which site it was. Those that are not this server's own,
// by the Host that the request names, nor listed in Options.Origins get 403. A site
// whose name resolves to this server's address is its own by that rule: where that
// matters, Options.Authorize looks at Host.
//
// # What is not there
//
// Extensions: permessage-deflate is declined, so no message can grow in unpacking, and
// a frame with a reserved bit set is refused. HTTP/2 (RFC 8441). A client. Pages that
// take request bodies, stream, or are upgraded by their handler. Addresses of scheme
// unixpacket, which would cut the stream into messages.
package websocket
