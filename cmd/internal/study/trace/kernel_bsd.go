//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import "example.com/iomux/internal/sys"

// kernelNames: there are none to translate.
var kernelNames map[sys.Op]string
