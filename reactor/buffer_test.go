//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"testing"
)

// FuzzOutput holds an output against a bytes.Buffer: each two bytes of the
// script append or send as many bytes as they say.
func FuzzOutput(f *testing.F) {
	f.Add([]byte{0x10, 0x00, 0x90, 0x00, 0x7f, 0xff, 0xff, 0xff, 0x40, 0x01, 0xc0, 0x00})
	f.Add([]byte{0x40, 0x00, 0x40, 0x00, 0xbf, 0xff, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, script []byte) {
		var pool chunkPool
		var out output
		var model bytes.Buffer
		next := byte(0)
		for ; len(script) >= 2 && model.Len() < 1<<20; script = script[2:] {
			n := int(script[0]&0x7f)<<8 | int(script[1])
			if script[0]&0x80 == 0 {
				p := make([]byte, n)
				for i := range p {
					p[i] = next
					next++
				}
				out.append(&pool, p)
				model.Write(p)
			} else {
				n = min(n, model.Len())
				out.sent(&pool, n)
				model.Next(n)
			}
			if out.len() != model.Len() {
				t.Fatalf("size %d, want %d", out.len(), model.Len())
			}
			if got := bytes.Join(out.pieces(make([][]byte, 0, 100)), nil); !bytes.Equal(got, model.Bytes()) {
				t.Fatalf("%d bytes that differ from the model's %d", len(got), model.Len())
			}
			last := out.head
			for last != nil && last.next != nil {
				last = last.next
			}
			if (out.size == 0) != (out.head == nil) || last != nil && out.head.last != last {
				t.Fatalf("%d bytes, but head %p, and it knows another last chunk than %p", out.size, out.head, last)
			}
		}
		out.clear(&pool)
		if out.size != 0 || out.head != nil {
			t.Fatal("not empty after clear")
		}
	})
}

func TestPoolsAreBounded(t *testing.T) {
	var chunks, made chunkPool
	var inputs inputPool
	for range 2 * smallLimit {
		chunks.put(made.get(1))
		chunks.put(made.get(chunkSize))
		inputs.put(&input{buf: make([]byte, 10)})
	}
	if chunks.small.n != smallLimit || chunks.large.n != poolLimit || len(inputs) != inputPoolLimit {
		t.Errorf("%d and %d chunks and %d inputs are kept, want %d, %d and %d", chunks.small.n, chunks.large.n, len(inputs), smallLimit, poolLimit, inputPoolLimit)
	}
	inputs = nil
	inputs.put(&input{buf: make([]byte, 0, 2*inputKeepSize)})
	if len(inputs) != 0 {
		t.Error("an input buffer that grew large is kept")
	}
	for size, n := range map[int]int{smallChunk: smallLimit, smallChunk + 1: poolLimit} {
		for range n + 1 { // the last one is new
			if c := chunks.get(size); c.r != 0 || c.w != 0 || c.next != nil || len(c.buf) < size {
				t.Fatal("a chunk from the pool is not clean, or too small")
			}
		}
	}
	if chunks.small.n != 0 || chunks.large.n != 0 {
		t.Errorf("%d and %d chunks are left", chunks.small.n, chunks.large.n)
	}
}

// Little output takes little memory, also as it is accounted.
func TestFootprint(t *testing.T) {
	var pool chunkPool
	var out output
	for _, c := range []struct{ more, want int }{{1, smallChunk}, {smallChunk - 1, smallChunk}, {1, chunkSize}, {chunkSize, 2 * chunkSize}} {
		out.append(&pool, make([]byte, c.more))
		if got := out.footprint(); got != c.want {
			t.Errorf("%d bytes take %d, want %d", out.len(), got, c.want)
		}
	}
	out.clear(&pool)
	out.first(&pool, 0)
	if got := out.footprint(); got != 0 {
		t.Errorf("nothing takes %d", got)
	}
}

// FuzzData cuts a stream into reads, and has the handler use as much of each
// call as the script says: what it used, joined, is the stream.
func FuzzData(f *testing.F) {
	f.Add([]byte("a stream of some length"), []byte{0, 3, 1, 255, 0, 0, 7})
	f.Add(bytes.Repeat([]byte("0123456789"), 3000), []byte{200, 0, 0, 255, 1})
	f.Fuzz(func(t *testing.T, stream, script []byte) {
		var got []byte
		calls := 0
		step := func() int {
			if len(script) == 0 {
				return 1 << 20
			}
			calls++
			return int(script[calls%len(script)]) * 50
		}
		l := &Loop{options: &Options{ReadLimit: 1 << 30}}
		h := handler{data: func(_ *Conn, p []byte) int {
			used := min(step(), len(p))
			got = append(got, p[:used]...)
			return used
		}}
		c := &Conn{service: newService(l, nil, h, Timeouts{}, address{scheme: "tcp"})}
		rest := stream
		for len(rest) > 0 {
			n := min(1+step(), len(rest))
			buf := bytes.Clone(rest[:n])
			c.deliver(buf)
			for i := range buf {
				buf[i] = 0xdb // the loop's buffer is used again: nobody may still look at it
			}
			rest = rest[n:]
		}
		if want := stream[:len(got)]; !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		var kept []byte
		if c.in != nil {
			kept = c.in.buf
		}
		if left := stream[len(got):]; !bytes.Equal(kept, left) {
			t.Fatalf("kept %q, want %q", kept, left)
		}
	})
}
