//go:build linux && cgo && libkqueue

package reactor

import (
	"example.com/iomux"

	// The same tests over libkqueue, where it is installed: go test -tags libkqueue.
	_ "example.com/iomux/internal/libkqueue"
)

func init() { allocates[iomux.Kqueue] = "calls of C allocate, and libkqueue is C" }
