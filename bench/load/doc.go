// Package load puts a server under load and measures it: echo over TCP in
// closed loop, framed, and in open loop at a fixed rate, with slow readers beside
// it if need be; connections that last for one echo; connections that are silent;
// a chat; and datagrams. [Kind] lists them.
//
// One goroutine drives all connections with non-blocking sockets on an
// [iomux.Poller]: one read and one write a message, and nothing is allocated a
// message once it runs. Every byte that comes back is checked against what that
// connection is to get, so that a fast server is a correct one too. A run ends by
// itself, and only ever talks to 127.0.0.0/8.
//
// The phases of a run, its clock and its poller are the generator's; what it
// does to the server is a traffic's, of which there is one a kind.
package load
