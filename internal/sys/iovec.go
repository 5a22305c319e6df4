//go:build linux || dragonfly || freebsd || netbsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// iovecs is the vector of one writev. x/sys has no Writev on all of these
// systems, and where it has, that allocates.
type iovecs [MaxPieces]unix.Iovec

// fill takes the first pieces that are not empty and returns how many.
func (v *iovecs) fill(pieces [][]byte) (n int) {
	for _, p := range pieces {
		if len(p) == 0 {
			continue
		}
		v[n].Base = unsafe.SliceData(p)
		v[n].SetLen(len(p))
		if n++; n == MaxPieces {
			break
		}
	}
	return n
}
