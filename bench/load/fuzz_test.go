//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"testing"
)

// pieces cuts p as cuts says, one byte a piece's length; the last cut repeats.
func pieces(p, cuts []byte, each func([]byte) error) error {
	n := len(p)
	for len(p) > 0 {
		if len(cuts) > 0 {
			n, cuts = int(cuts[0])+1, cuts[1:]
		}
		n = min(n, len(p))
		if err := each(p[:n]); err != nil {
			return err
		}
		p, n = p[n:], max(n, 1)
	}
	return nil
}

// FuzzTake: whatever the pieces, an echo is taken as it is, and with any byte
// changed, dropped or added it is refused or lacks something.
func FuzzTake(f *testing.F) {
	f.Add(uint16(64), uint8(5), false, []byte{0, 9, 100}, uint16(70), byte(1))
	f.Add(uint16(1), uint8(20), false, []byte{}, uint16(3), byte(0x80))
	f.Add(uint16(500), uint8(50), true, []byte{255, 1}, uint16(600), byte(7))
	f.Fuzz(func(t *testing.T, size uint16, count uint8, mixed bool, cuts []byte, at uint16, change byte) {
		p := newPattern(int(size%2000) + 1)
		if mixed {
			p = newMixed(int(size%2000) + 1)
		}
		messages := int64(count%64) + 1
		sender := conn{socket: socket{id: uint32(at)}}
		stream, n := sender.compose(&p, make([]byte, int(messages)*p.size), messages)
		if n != messages {
			t.Fatalf("%d of %d messages fit", n, messages)
		}
		run := func(bytes []byte) (*conn, error) {
			c := sender
			return &c, pieces(bytes, cuts, func(b []byte) error { return c.take(&p, b) })
		}
		c, err := run(stream)
		if err != nil || c.acked != messages || c.off != 0 {
			t.Fatalf("right, and %d of %d messages taken: %v", c.acked, messages, err)
		}
		if _, err := run(append(stream[:len(stream):len(stream)], change)); !errors.Is(err, ErrWrongEcho) {
			t.Fatalf("a byte more: %v", err)
		}
		i := int(at) % len(stream)
		if change != 0 {
			stream[i] ^= change
			if _, err := run(stream); !errors.Is(err, ErrWrongEcho) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
			stream[i] ^= change
		}
		if c, err := run(append(stream[:i:i], stream[i+1:]...)); err == nil && c.acked == messages {
			t.Fatalf("byte %d dropped, and all messages taken", i)
		}
	})
}

// FuzzMember is the same for a chat, from the first probe on.
func FuzzMember(f *testing.F) {
	f.Add(uint8(40), uint8(3), uint8(1), []byte{5, 30}, uint16(30), byte(1))
	f.Add(uint8(0), uint8(0), uint8(0), []byte{}, uint16(0), byte(0x20))
	f.Fuzz(func(t *testing.T, size, count, missed uint8, cuts []byte, at uint16, change byte) {
		probes := int(count%8) + 1
		c := &chat{simple: simple{&generator{Config: Config{Size: LeastLine + int(size)}}}, lines: newLines(LeastLine + int(size))}
		c.probes = make([]byte, probes*probeSize)
		for i := range probes {
			c.lines.fill(c.probes[i*probeSize:][:probeSize], probeLine, uint64(i))
		}
		run := func(p []byte) (*member, error) {
			m := &member{chat: c}
			return m, pieces(p, cuts, m.hear)
		}
		stream := c.probes[int(missed)%probes*probeSize:]
		m, err := run(stream)
		if err != nil || !m.joined || m.off != len(c.probes) {
			t.Fatalf("right, and at %d of %d: %v", m.off, len(c.probes), err)
		}
		if _, err := run(append(stream[:len(stream):len(stream)], change)); !errors.Is(err, ErrWrongEcho) {
			t.Fatalf("a byte more: %v", err)
		}
		if change != 0 {
			wrong := append([]byte(nil), stream...)
			wrong[int(at)%len(wrong)] ^= change
			if _, err := run(wrong); !errors.Is(err, ErrWrongEcho) {
				t.Fatalf("byte %d changed: %v", int(at)%len(wrong), err)
			}
		}
	})
}

// FuzzDatagram: only the datagram that is on its way is taken, and only once.
func FuzzDatagram(f *testing.F) {
	f.Add(uint16(64), uint16(20), byte(1), []byte("hello"))
	f.Add(uint16(8), uint16(7), byte(0x80), binary.LittleEndian.AppendUint64(nil, head(3, 1)))
	f.Fuzz(func(t *testing.T, size, at uint16, change byte, any []byte) {
		g := &generator{Config: Config{Conns: 1, Depth: 2, Size: LeastDatagram + int(size%2000)}, phase: draining}
		u := &udp{simple: simple{g}, pattern: newPattern(g.Size)}
		p := newPeer(u, -1, 3)
		p.slots[1] = flight{seq: 1, out: true}
		right := make([]byte, g.Size)
		u.pattern.fill(right, 3, 1)

		if err := p.take(any, 0); err == nil && string(any) != string(right) {
			t.Fatalf("%q was taken", any)
		} else if err != nil && !errors.Is(err, ErrWrongEcho) {
			t.Fatal(err)
		} else if err == nil {
			return
		}
		if change != 0 {
			right[int(at)%g.Size] ^= change
			if err := p.take(right, 0); !errors.Is(err, ErrWrongEcho) {
				t.Fatalf("byte %d changed: %v", int(at)%g.Size, err)
			}
			right[int(at)%g.Size] ^= change
		}
		if err := p.take(right, 0); err != nil || g.answered != 1 {
			t.Fatalf("refused: %v", err)
		}
		if err := p.take(right, 0); !errors.Is(err, ErrWrongEcho) {
			t.Fatalf("taken twice: %v", err)
		}
	})
}
