//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"os"

	"example.com/iomux/servers/classic"
)

// init comes before main, in the tests' program too: iomux serve command starts the
// programs that it allows by way of this one, see classic.LaunchCommand.
func init() {
	if status, launched := classic.LaunchCommand(); launched {
		os.Exit(status)
	}
}
