//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"math"
)

// pattern says what each message of each connection looks like: eight bytes
// that no other message of the run has, then a window into a fixed table that
// those eight bytes choose. Writing a message is thus one copy and checking it
// one compare, at any size.
type pattern struct {
	size  int
	table []byte
	sizes []int32 // of mixed ones, by the high half of the eight bytes; else nil
}

const (
	headSize = 8
	windows  = 1 << 12
)

func newPattern(size int) pattern {
	table := make([]byte, windows+size)
	for i := range table {
		table[i] = byte(mix(uint64(i)))
	}
	return pattern{size: size, table: table}
}

// newMixed has messages of 1 to size bytes whose logarithms are uniform.
func newMixed(size int) pattern {
	t := newPattern(size)
	t.sizes = make([]int32, windows)
	for i := range t.sizes {
		// From 1 to size+1, exclusive: floor gives each decade its share.
		x := math.Exp(math.Log(float64(size+1)) * (float64(i) + 0.5) / windows)
		t.sizes[i] = min(int32(x), int32(size))
	}
	return t
}

// length is the size of message seq of connection id.
func (t *pattern) length(id uint32, seq uint64) int {
	if t.sizes == nil {
		return t.size
	}
	return int(t.sizes[head(id, seq)>>32%windows])
}

// head is the number that stands in front of message seq of connection id.
func head(id uint32, seq uint64) uint64 { return mix(uint64(id)<<32 | seq&(1<<32-1)) }

// mix is a bijection that leaves no trace of its argument's order: so no two
// messages share a head, and a shifted stream fits nowhere.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unmix undoes mix.
func unmix(x uint64) uint64 {
	x = (x ^ x>>31 ^ x>>62) * 0x319642b2d24d8ec3
	x = (x ^ x>>27 ^ x>>54) * 0x96de1b173f119089
	return (x ^ x>>30 ^ x>>60) - 0x9e3779b97f4a7c15
}

// fill writes message seq of connection id into p, which is of its size.
func (t *pattern) fill(p []byte, id uint32, seq uint64) {
	h := head(id, seq)
	copy(p, t.table[h%windows:])
	if len(p) >= headSize {
		binary.LittleEndian.PutUint64(p, h)
		return
	}
	var b [headSize]byte
	binary.LittleEndian.PutUint64(b[:], h)
	copy(p, b[:])
}

// check compares got with the same message from offset off on, and returns
// where the first wrong byte is in got, or -1.
func (t *pattern) check(got []byte, off int, id uint32, seq uint64) int {
	h := head(id, seq)
	rest := got
	if off < headSize {
		var b [headSize]byte
		binary.LittleEndian.PutUint64(b[:], h)
		n := min(headSize-off, len(got))
		if !bytes.Equal(got[:n], b[off:off+n]) {
			return differ(got[:n], b[off:])
		}
		rest, off = got[n:], off+n
	}
	want := t.table[int(h%windows)+off:][:len(rest)]
	if bytes.Equal(rest, want) {
		return -1
	}
	return len(got) - len(rest) + differ(rest, want)
}

// differ is the first index at which a and b, which is as long, differ.
func differ(a, b []byte) int {
	i := 0
	for a[i] == b[i] {
		i++
	}
	return i
}
