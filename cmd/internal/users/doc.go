// Package users is who may log in to a chat: by a file of names and hashes of passwords,
// or by a token that all share.
//
// # The file
//
// It has a line for each user,
//
//	name:flags:$argon2id$v=19$m=65536,t=3,p=1$salt$hash
//
// where flags is empty or "operator", and the hash of the password is as the reference
// implementation of Argon2 (RFC 9106) writes it. A line that begins with # is a comment.
// Two names that look alike are one: see chattext.Nick.
//
// A hash is as hard to guess from as its file says: m KiB of memory, gone over t times,
// by p threads. Nobody's login takes more than 256 MiB and 1 GiB gone over.
package users
