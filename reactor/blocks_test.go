//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// The queue behaves as a bytes.Buffer does, counts the memory that it holds, and holds
// none when it is empty.
func TestBlocks(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	r := rand.New(random)
	var memory atomic.Int64
	q := blocks{memory: &memory}
	var model bytes.Buffer
	p, got, want := make([]byte, 3*blockSize), make([]byte, 3*blockSize), make([]byte, 3*blockSize)
	for step := range 5000 {
		size := r.IntN(len(p))
		if r.IntN(2) == 0 {
			size = r.IntN(64)
		}
		switch op := r.IntN(10); {
		case op < 4:
			_, _ = random.Read(p[:size])
			before := memory.Load()
			if more := q.append(p[:size]); more != (memory.Load() > before) {
				t.Fatalf("step %d: append says %v, memory went from %d to %d", step, more, before, memory.Load())
			}
			model.Write(p[:size])
		case op < 8:
			n := q.read(got[:size])
			m, _ := model.Read(want[:size])
			if n != m || !bytes.Equal(got[:n], want[:m]) {
				t.Fatalf("step %d: read %d bytes of %d, want %d", step, n, size, m)
			}
		case op == 8:
			if first := q.first(); !bytes.HasPrefix(model.Bytes(), first) || len(first) == 0 && model.Len() > 0 {
				t.Fatalf("step %d: the first %d bytes are others", step, len(first))
			}
			q.drop(len(model.Next(size)))
		case r.IntN(20) == 0:
			q.clear()
			model.Reset()
		}
		if q.size != model.Len() {
			t.Fatalf("step %d: it has %d bytes, want %d", step, q.size, model.Len())
		}
		held := 0
		for b := q.head; b != nil; b = b.next {
			held += blockSize
			if b.r == b.w {
				t.Fatalf("step %d: an empty block", step)
			}
		}
		if int64(held) != memory.Load() {
			t.Fatalf("step %d: %d bytes are held and %d counted", step, held, memory.Load())
		}
	}
	q.clear()
	if memory.Load() != 0 || q.head != nil || q.last != nil {
		t.Errorf("empty, it holds %d bytes", memory.Load())
	}
}
