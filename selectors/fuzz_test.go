//go:build linux

package selectors_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/selectors"
)

// FuzzSelectorModel runs one script against a selector of each backend and
// against a map, which must always agree: about the errors, about the keys, and
// about what is ready.
//
// A script is a list of pairs of bytes: what to do, and to which of four socket
// pairs, 0 to 3, or A to D to look only later what has come of it. Descriptors are closed before they are unregistered, too, with and
// without a dup that makes a ghost of them, and their numbers are taken anew.
func FuzzSelectorModel(f *testing.F) {
	for _, s := range []string{
		"",
		"r0 w1 b2 s0 S1 g0",                   // each interest, some data
		"r0 r0 u0 u0 m0 e0 d0",                // every error
		"b0 m0 e0 d0 E0 M0 u0",                // every change
		"r0 s0 k0 r0 s0 k0 b0",                // closed and unregistered; the number anew
		"r0 g0 r0 s0 S0 g0 w0 S0",             // ghosts, under new owners
		"r0 r1 g0 g1 S0 S1 r1 s1 b0 g1 S1 u0", // two of them
		"b0 c0 k0 b0 c0 g0 r0",                // the peer's end closed
		"z0 r0 z0 s0 z0 u0 z0",                // wake-ups in between
		"b0 b1 b2 b3 s0 s1 s2 s3 t0 t1 t2 t3", // all
		"bA gA SA b0",                         // a ghost that says more than is so of its number
		"bA SA gA bA gA SA b0 rA bB gA SA w0 M0",
		"rA sA kA wA zA uA bA s1 c0",
	} {
		f.Add([]byte(strings.ReplaceAll(s, " ", "")))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		leaktest.Check(t)
		for _, b := range iomux.Backends() {
			m := newModel(t, b)
			for i := 0; i+1 < len(script) && i < 2*100; i += 2 {
				m.step = fmt.Sprintf("%s, step %d of %q", b, i/2, script)
				which, silent := script[i+1]-'0', false
				if script[i+1] >= 'A' {
					which, silent = script[i+1]-'A', true
				}
				m.do(script[i], int(which)%len(m.socks))
				if !silent {
					m.compare()
				}
			}
			m.end()
		}
	})
}

// sock is one end of a pair, as the model sees it.
type sock struct {
	fd, peer int // peer is -1 when closed
	bytes    int // unread
	ghosts   []ghost
}

// ghost is what keeps a description alive whose number was closed.
type ghost struct{ kept, peer int }

// model is a selector and what it should be: a map.
type model struct {
	*fixture
	step  string
	socks []sock
	keys  map[int]selectors.Key[string]
	woken bool
	n     int // makes each datum another
}

func newModel(t *testing.T, b iomux.Backend) *model {
	m := &model{
		fixture: &fixture{T: t, b: b, open: map[int]bool{}},
		keys:    map[int]selectors.Key[string]{},
	}
	var err error
	m.sel, err = selectors.New[string](b)
	m.check(err)
	for range 4 {
		a, p := m.pair()
		m.socks = append(m.socks, sock{fd: a, peer: p})
	}
	return m
}

func (m *model) end() {
	m.check(m.sel.Close())
	for fd := range m.open {
		m.check(unix.Close(fd))
	}
}

// agree wants err to be want exactly if the model says that it fails.
func (m *model) agree(err error, fails bool, want error) {
	m.Helper()
	if fails && !errors.Is(err, want) || !fails && err != nil {
		m.Fatalf("%s: %v, want %v", m.step, err, want)
	}
}

func (m *model) do(what byte, i int) {
	m.Helper()
	s := &m.socks[i]
	key, registered := m.keys[s.fd]
	m.n++
	data := fmt.Sprintf("%d", m.n)
	switch what {
	case 'r', 'w', 'b':
		ev := map[byte]iomux.Events{'r': R, 'w': W, 'b': RW}[what]
		k, err := m.sel.Register(s.fd, ev, data)
		m.agree(err, registered, selectors.ErrRegistered)
		if !registered {
			m.keys[s.fd] = k
		}
	case 'm', 'M':
		ev := map[byte]iomux.Events{'m': W, 'M': RW}[what]
		k, err := m.sel.Modify(s.fd, ev, data)
		m.agree(err, !registered, selectors.ErrNotRegistered)
		if registered {
			key.Events, key.Data = ev, data
			m.keys[s.fd] = key
			if k != key {
				m.Fatalf("%s: Modify returned %v, want %v", m.step, k, key)
			}
		}
	case 'e', 'E':
		ev := map[byte]iomux.Events{'e': R, 'E': W}[what]
		_, err := m.sel.SetEvents(s.fd, ev)
		m.agree(err, !registered, selectors.ErrNotRegistered)
		if registered {
			key.Events = ev
			m.keys[s.fd] = key
		}
	case 'd':
		_, err := m.sel.SetData(s.fd, data)
		m.agree(err, !registered, selectors.ErrNotRegistered)
		if registered {
			key.Data = data
			m.keys[s.fd] = key
		}
	case 'x': // a bad mask changes nothing
		_, err := m.sel.Modify(s.fd, 1<<7, data)
		m.agree(err, true, map[bool]error{true: selectors.ErrInvalidEvents, false: selectors.ErrNotRegistered}[registered])
	case 'u':
		m.forget(s)
	case 's', 't':
		if s.peer >= 0 && s.bytes < 1000 {
			m.write(s.peer, "x")
			s.bytes++
		}
	case 'g':
		if len(s.ghosts) < 3 {
			kept := m.dup(s.fd, 100)
			m.replace(s, true)
			s.ghosts[len(s.ghosts)-1].kept = kept
		}
	case 'S': // the ghosts have something to say
		for _, g := range s.ghosts {
			if g.peer >= 0 {
				m.write(g.peer, "boo")
			}
		}
	case 'k':
		m.replace(s, false)
	case 'c':
		if s.peer >= 0 {
			m.close(s.peer)
			s.peer = -1
		}
	case 'R':
		if s.bytes > 0 {
			s.bytes -= len(m.read(s.fd))
		}
	case 'z':
		m.sel.Wake()
		m.woken = true
	}
}

// replace closes a socket, then unregisters it, then puts another in its place.
// haunted: its description lives on.
func (m *model) replace(s *sock, haunted bool) {
	m.Helper()
	number, peer := s.fd, s.peer
	if m.b == iomux.Kqueue && libkqueue {
		m.forget(s) // it must be told of the end
	}
	m.close(number)
	if !(m.b == iomux.Kqueue && libkqueue) {
		m.forget(s)
	}
	a, b := m.pairAt(number)
	s.fd, s.peer, s.bytes = a, b, 0
	if haunted {
		s.ghosts = append(s.ghosts, ghost{peer: peer})
	} else if peer >= 0 {
		m.close(peer)
	}
}

func (m *model) forget(s *sock) {
	m.Helper()
	key, registered := m.keys[s.fd]
	k, err := m.sel.Unregister(s.fd)
	m.agree(err, !registered, selectors.ErrNotRegistered)
	if registered && k != key {
		m.Fatalf("%s: Unregister returned %v, want %v", m.step, k, key)
	}
	if m.sel.Live(key) {
		m.Fatalf("%s: %v is live", m.step, key)
	}
	delete(m.keys, s.fd)
}

// compare wants the selector to have the model's keys and to find ready what
// must be.
func (m *model) compare() {
	m.Helper()
	var want []string
	for _, s := range m.socks {
		k, registered := m.keys[s.fd]
		if !registered {
			continue
		}
		state := W
		if s.bytes > 0 || s.peer < 0 {
			state |= R
		}
		if e := state & k.Events; e != 0 {
			want = append(want, fmt.Sprintf("%s %v", k.Data, e))
		}
	}
	slices.Sort(want)
	timeout := selectors.Forever // it must return at once all the same
	if len(want) == 0 && !m.woken {
		timeout = 0
	}
	m.woken = false
	if got := m.selected(timeout); !slices.Equal(got, want) {
		m.Fatalf("%s: ready %q, want %q", m.step, got, want)
	}
	if m.sel.Len() != len(m.keys) {
		m.Fatalf("%s: Len() = %d, want %d", m.step, m.sel.Len(), len(m.keys))
	}
	got := map[int]selectors.Key[string]{}
	for k := range m.sel.Keys() {
		got[k.FD] = k
		if !m.sel.Live(k) {
			m.Fatalf("%s: %v is not live", m.step, k)
		}
	}
	if !maps.Equal(got, m.keys) {
		m.Fatalf("%s: keys %v, want %v", m.step, got, m.keys)
	}
}
