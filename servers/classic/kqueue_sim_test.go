//go:build linux && !(cgo && libkqueue)

package classic

// With it the tests of this package run over kqueue on Linux too.
import _ "example.com/iomux/internal/kqueuesim"
