//go:build linux

package load

import (
	"os"
	"testing"

	"example.com/iomux/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }
