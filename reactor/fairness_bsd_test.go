//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

// inputSize asks a socket how much there is to read: FIONREAD, which x/sys has not on
// all of these systems.
const inputSize = 0x4004667f
