//go:build !linux

// Command bench measures echo servers against each other. It reads /proc and
// pins processes, and so runs on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: the benchmark suite runs on Linux only")
	os.Exit(1)
}
