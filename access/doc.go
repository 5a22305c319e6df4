// Package access decides by its address whether a peer may connect.
//
// A [List] is made of rules, one a line:
//
//	# the office, but for the guests
//	deny  10.9.7.0/24
//	allow 10.9.0.0/16
//	allow ::1
//	default deny
//
// The first rule that matches a peer decides. What no rule matches is denied, unless
// a line "default allow" says otherwise.
//
// Behind allow and deny stands one of
//
//   - an address, or a network: 10.9.0.6, 10.9.0.0/16, 10.9.0.0/255.255.0.0,
//     fdfd:1::/64. It must be the network's own address: 10.9.0.6/16 is refused,
//     since one of its halves is a mistake;
//   - all: every address, of IPv4 and IPv6;
//   - unix: the peers of a Unix socket, which have no address.
//
// A v4-mapped address, as the peers of a socket for both versions have, is an IPv4
// address, in rules and in peers: allow 10.0.0.0/8 matches ::ffff:10.9.0.6, and
// allow ::/0 does not. Zones are no matter: fe80::/10 matches fe80::1%eth0.
//
// Peers of Unix sockets are allowed unless a rule denies unix: who may open such a
// socket is for the mode of its file to say.
//
// A host name is not possible: it could mean another address every day, and finding
// out takes time that the accepting loop has not.
package access
