// Package load puts an echo server under load and measures it: closed loop,
// framed, and open loop at a fixed rate.
//
// One goroutine drives all connections with non-blocking sockets on an
// [iomux.Poller]: one read and one write a message, and no allocation once it
// runs. Every byte that comes back is checked against what that connection
// sent, so that a fast server is a correct one too. A run ends by itself, and
// only ever talks to 127.0.0.0/8.
package load
