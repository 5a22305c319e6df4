//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"os"
	"testing"

	"example.com/iomux/internal/leaktest"
)

// What no test's own check sees, all of them together may have left: P7.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }
