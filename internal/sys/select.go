//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// FDSet is a set of descriptors for select(2), in the kernel's layout: a bitmap
// of machine words. It is longer than the C library's fd_set where it must be.
type FDSet []uint

// wordBits is how many descriptors one word of an FDSet holds.
const wordBits = bits.UintSize

// Grow makes s large enough to hold fd.
func (s *FDSet) Grow(fd int) {
	// Never shorter than a C fd_set: some kernels copy that much in any case.
	for words := max(fd+1, fdSetSize)/wordBits + 1; len(*s) < words; {
		*s = append(*s, 0)
	}
}

// Set adds fd, for which s has grown, and Clear takes it out.
func (s FDSet) Set(fd int) { s[fd/wordBits] |= 1 << (fd % wordBits) }

// Clear takes fd out.
func (s FDSet) Clear(fd int) { s[fd/wordBits] &^= 1 << (fd % wordBits) }

// Has reports whether fd is in s.
func (s FDSet) Has(fd int) bool {
	return fd/wordBits < len(s) && s[fd/wordBits]&(1<<(fd%wordBits)) != 0
}

// fdSetSize is the classic FD_SETSIZE.
const fdSetSize = 1024

// SelectMax is the largest number of descriptors the system's select takes, 0
// where it takes any.
const SelectMax = selectMax

// Select is pselect6(2) on Linux, select(2) elsewhere (timeout rounded up to
// the microsecond). The sets have one length and hold numbers below n; what is
// ready stays in them. timeout is 0, positive, or math.MaxInt64 for ever.
func Select(n int, r, w, x FDSet, timeout time.Duration) (int, Errno) {
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("r[%s] w[%s] x[%s], %s", r.list(), w.list(), x.list(), timeoutText(timeout))
		c := Call{Op: OpSelect, FD: -1, Args: fmt.Sprintf("%d, %s", n, args), Size: n, Timeout: timeout, Asked: setWatches(n, r, w, x)}
		return h.do(c, func(c *Call) (int, Errno) {
			k, e := selectCall(n, r, w, x, timeout)
			if k > 0 {
				c.Out = fmt.Sprintf("r[%s] w[%s] x[%s]", r.list(), w.list(), x.list())
				c.Found = setWatches(n, r, w, x)
			}
			return k, e
		})
	}
	return selectCall(n, r, w, x, timeout)
}

// list writes out at most 16 members.
func (s FDSet) list() string {
	var l []string
	for fd := range len(s) * wordBits {
		if s.Has(fd) {
			if len(l) == 16 {
				l = append(l, "…")
				break
			}
			l = append(l, fmt.Sprint(fd))
		}
	}
	return strings.Join(l, " ")
}

// setWatches is what is in the three sets below n, as the hooks have it.
func setWatches(n int, r, w, x FDSet) (list []Watch) {
	for fd := range n {
		bits := ""
		for _, s := range [...]struct {
			set  FDSet
			name string
		}{{r, "r"}, {w, "w"}, {x, "x"}} {
			if s.set.Has(fd) {
				bits += s.name
			}
		}
		if bits != "" {
			list = append(list, Watch{FD: fd, Bits: bits})
		}
	}
	return list
}
