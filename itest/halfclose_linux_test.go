package itest

import (
	"crypto/sha256"
	"hash"
	"math/rand/v2"
	"testing"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// trade is a server that sends a megabyte of its own, and hangs up: when the
// client has sent all, or, if it is hasty, at the first word.
type trade struct {
	reactor.NopHandler
	own      []byte
	hasty    bool
	received chan [sha256.Size]byte // of all that a client sent
}

func (*trade) Opened(c *reactor.Conn) { c.SetContext(sha256.New()) }

func (h *trade) Data(c *reactor.Conn, p []byte) int {
	if h.hasty {
		c.Write(h.own)
		c.Close()
		return 1 // and is not interested in the rest
	}
	c.Context().(hash.Hash).Write(p)
	return len(p)
}

func (h *trade) HalfClosed(c *reactor.Conn) {
	if !h.hasty {
		h.received <- [sha256.Size]byte(c.Context().(hash.Hash).Sum(nil))
		c.Write(h.own)
	}
	c.Close()
}

// N2: netcat sends a megabyte and its end of file, and gets another one: every
// byte arrives before the end, both ways, and nobody is reset, also where the
// server hangs up without having read all.
func TestNetcatBothWays(t *testing.T) {
	const rounds = 5
	nc := pipe(t, "nc")
	in, own := make([]byte, 1<<20), make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{3})
	_, _ = random.Read(in) // never fails
	_, _ = random.Read(own)
	for _, hasty := range []bool{false, true} {
		name := map[bool]string{false: "patient ", true: "hasty "}[hasty]
		for _, b := range iomux.Backends() {
			t.Run(name+string(b), func(t *testing.T) {
				leaktest.Check(t)
				n := ownNetwork(t)
				h := &trade{own: own, hasty: hasty, received: make(chan [sha256.Size]byte, rounds)}
				group := openGroup(t, reactor.Options{Backend: b})
				addr := addrPort(t, listen(t, group, "tcp://127.0.0.1:0", h, reactor.ListenOptions{}))
				for range rounds {
					out := client(t, in, nc, "-N", addr.Addr().String(), portOf(addr))
					if got, want := sha256.Sum256([]byte(out)), sha256.Sum256(own); got != want {
						t.Errorf("netcat got %d other bytes than the %d that were sent", len(out), len(own))
					}
					if !hasty {
						if got, want := arrives(t, h.received), sha256.Sum256(in); got != want {
							t.Error("the server got other bytes than netcat sent")
						}
					}
				}
				await(t, "the connections are closed", func() bool { return group.Stats().Conns == 0 })
				if resets := n.count("Tcp", "OutRsts"); resets > 0 {
					t.Errorf("%d resets were sent", resets)
				}
			})
		}
	}
}
