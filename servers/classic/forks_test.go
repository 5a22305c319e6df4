//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

// forks says whether package socketserver has mode fork.
const forks = false
