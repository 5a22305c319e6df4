package reactor

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// sendings are the sends of a socket, as the hooks see them.
type sendings struct {
	mu     sync.Mutex
	fd     int
	errno  sys.Errno // for messages of several datagrams
	list   []string
	faults int
}

func (s *sendings) fault(c sys.Call) sys.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.FD != s.fd || !sends(c.Op) || !strings.Contains(c.Args, " in ") || s.errno == 0 {
		return 0
	}
	s.faults++
	return s.errno
}

func (s *sendings) trace(c sys.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.FD == s.fd && sends(c.Op) && c.Errno == 0 {
		s.list = append(s.list, c.Args)
	}
}

// take returns the sends since the last take, and has messages of several datagrams be
// refused from now on.
func (s *sendings) take(errno sys.Errno) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list, s.errno = nil, errno
	return list
}

// Answers to one peer leave together, and one by one where the kernel does not want them
// so; then the next are tried together again, unless that can never be.
func TestAnswersLeaveTogether(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, address := range []string{"udp4://127.0.0.1:0", "udp6://[::1]:0"} {
			for _, errno := range []sys.Errno{unix.EMSGSIZE, unix.EINVAL, unix.EIO} {
				g, ln, _ := servePackets(t, o, address, echoPackets)
				s := ln.conns[0]
				if !s.gso {
					t.Skip("this kernel has no UDP_SEGMENT")
				}
				c := packetDial(t, ln.Addr())
				log := &sendings{fd: s.fd}
				hook(t, &sys.Hooks{Fault: log.fault, Trace: log.trace})
				const count = 10
				burst := func(when string, messages int) {
					t.Helper()
					goOn := standStill(t, g.loops[0])
					for i := range count {
						send(t, c, fmt.Sprint("datagram ", i))
					}
					goOn()
					for i := range count {
						expectPacket(t, c, fmt.Sprint("datagram ", i))
					}
					onLoop(t, g.loops[0], func() {})
					want := fmt.Sprintf("[%d datagrams in 1 message, %d bytes]", count, count*len("datagram 0"))
					if messages == count {
						want = fmt.Sprintf("[%d datagrams, %d bytes]", count, count*len("datagram 0"))
					}
					if got := fmt.Sprint(log.take(0)); got != want {
						t.Errorf("%s, %v: sent %s, want %s", when, errno, got, want)
					}
				}
				burst("at first", 1)
				log.take(errno)
				burst("refused", count)
				after := 1
				if errno == unix.EIO {
					after = count
				}
				burst("afterwards", after)
				if log.faults != 1 {
					t.Errorf("%v: %d messages were refused, want 1", errno, log.faults)
				}
				if n := g.Stats().PacketsDropped; n != 0 {
					t.Errorf("%v: %d datagrams are dropped", errno, n)
				}
			}
		}
	})
}
