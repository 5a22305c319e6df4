//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "iomux: no event loop on %s yet: it needs epoll, kqueue or poll\n", runtime.GOOS)
	os.Exit(1)
}
