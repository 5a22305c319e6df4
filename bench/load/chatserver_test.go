//go:build linux

package load

import (
	"bufio"
	"cmp"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// chatroom is a chat server. What it delivers goes through spoil, which is told
// the number of the member and of the line in bursts, -1 for a probe.
type chatroom struct {
	mu      sync.Mutex
	changed sync.Cond // a line was delivered, or the end
	members []*guest
	came    int
	lines   int
	bursts  int
	over    bool
	speaker int // the number of who says something
	probe   int // how long probes are; 0: as a chat's
	spoil   func(member, line int, text []byte) [][]byte
	// lateBy is how many lines member n lets go by before it joins, unless it
	// says something itself.
	lateBy func(n int) int
}

type guest struct {
	net.Conn
	number int
	joined bool
	gone   bool // closed by the server
}

func (r *chatroom) serve(t *testing.T) netip.AddrPort {
	r.changed.L = &r.mu
	addr := serve(t, r.handle)
	t.Cleanup(func() { // before it
		r.mu.Lock()
		r.over = true
		r.changed.Broadcast()
		r.mu.Unlock()
	})
	return addr
}

func (r *chatroom) handle(c net.Conn) {
	r.mu.Lock()
	g := &guest{Conn: c, number: r.came}
	r.came++
	r.mu.Unlock()
	var waits sync.WaitGroup
	defer waits.Wait()
	waits.Go(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for r.lateBy != nil && r.lines < r.lateBy(g.number) && !r.over {
			r.changed.Wait()
		}
		r.join(g)
	})
	in := bufio.NewReaderSize(c, MaxBurst)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			break
		}
		if !r.say(g, line) {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.joined = true // if not yet, then never
	for i, other := range r.members {
		if other == g {
			r.members = append(r.members[:i], r.members[i+1:]...)
			break
		}
	}
}

func (r *chatroom) join(g *guest) {
	if !g.joined {
		g.joined = true
		r.members = append(r.members, g)
	}
}

func (r *chatroom) say(g *guest, line []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.join(g)
	r.speaker = g.number
	number := -1
	if len(line) != cmp.Or(r.probe, probeSize) {
		number = r.bursts
		r.bursts++
	}
	for _, m := range r.members {
		if m.gone {
			continue
		}
		texts := [][]byte{line}
		if r.spoil != nil {
			texts = r.spoil(m.number, number, append([]byte(nil), line...))
		}
		for _, text := range texts {
			if _, err := m.Write(text); err != nil {
				return false
			}
		}
	}
	r.lines++
	r.changed.Broadcast()
	return true
}
