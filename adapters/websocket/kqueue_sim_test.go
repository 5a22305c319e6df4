//go:build linux && !(cgo && libkqueue)

package websocket

// With it the tests that range over Backends cover kqueue on Linux too.
import _ "example.com/iomux/internal/kqueuesim"
