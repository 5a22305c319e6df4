//go:build linux && !(cgo && libkqueue)

package iomux_test

// With it the tests that range over Backends cover kqueue on Linux too.
import _ "example.com/iomux/internal/kqueuesim"
