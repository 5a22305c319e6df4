// Package names answers what the name functions of the C library answer: which
// addresses a host has and what an address is called, which port a service has,
// which number a protocol, and what to connect to.
//
// # The same everywhere
//
// Where an answer does not depend on the network, it should not depend on the
// machine either. localhost and the names below it are the loopback addresses
// (RFC 6761), whatever a file or a server says; an address in digits is itself; the
// services and protocols that everybody knows are in tables of this package, and
// come before /etc/services, where port 143 has the name imap2 on some systems.
//
// # What Go's resolver does not tell
//
// A host that is in /etc/hosts has the names of its lines there. For others only
// the canonical name is known, not the aliases that lead to it: Aliases has the
// name that was asked for, if that is not the canonical one.
//
// Names come from strangers. Whoever shows one on a terminal makes it harmless
// first.
package names
