//go:build linux && cgo && libkqueue

package reactor

// The same tests over libkqueue, where it is installed: go test -tags libkqueue.
import _ "example.com/iomux/internal/libkqueue"
