//go:build dragonfly || freebsd || netbsd || openbsd

package sys

// These kernels take sets of any length up to the process's table.
const selectMax = 0
