//go:build linux && cgo && libkqueue

package selectors_test

// The same tests over libkqueue, where it is installed: go test -tags libkqueue.
import _ "example.com/iomux/internal/libkqueue"

func init() { libkqueue = true }
