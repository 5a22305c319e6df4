//go:build linux

package load

import (
	"fmt"
	"time"

	"example.com/iomux"
)

// traffic is what a run does to the server: a kind of load. The generator
// calls it as time goes on, its endpoints when their descriptors are ready.
//
// A traffic takes what it sends from [generator.grant] and gives what came back
// to [generator.count]; a phase that waits for the last answer knows by these
// two when it is done.
type traffic interface {
	// connect makes the connections, has them watched, and begins whatever
	// makes them ready. The poller knows nothing else yet.
	connect() error
	// settled reports whether all are ready. Until then [generator.heard] is to
	// be when there was progress, for it is what Patience looks at.
	settled() bool
	// start sends the first messages.
	start(now int64) error
	// due sends what only the time decides, and returns how long the generator
	// may wait for something to be ready.
	due(now int64) (time.Duration, error)
	// tick is called every [generator.every], and sometimes in between.
	tick(now int64) error
	// shares is how many messages each connection has got back so far, nil
	// where that says nothing; the caller keeps it.
	shares() []int64
	// drain is called when nothing new is to be sent any more, but for what
	// drain sends itself.
	drain(now int64) error
	// stalled is the error of a server that kept everything waiting for longer
	// than Patience, or nil where the run goes on without.
	stalled(now int64) error
	// goodbye ends this side of every stream, each counted in [generator.open]
	// until the server has ended its own.
	goodbye(now int64) error
	// close closes all that is open, whatever state it is in.
	close()
}

// simple is a traffic's usual answer to what it has no answer of its own to.
type simple struct{ *generator }

func (simple) settled() bool                    { return true }
func (simple) due(int64) (time.Duration, error) { return iomux.Forever, nil }
func (simple) tick(int64) error                 { return nil }
func (simple) shares() []int64                  { return nil }
func (simple) drain(int64) error                { return nil }
func (simple) goodbye(int64) error              { return nil }

func (s simple) stalled(int64) error {
	return fmt.Errorf("load: no echo for %v; %d messages wait for theirs", s.Patience, s.issued-s.answered)
}

// newTraffic makes what the generator's configuration asks for.
func newTraffic(g *generator) traffic {
	switch g.Kind {
	case Churn:
		return newChurn(g)
	case Idle:
		return newIdle(g)
	case Chat:
		return newChat(g)
	case Room:
		return newRoom(g)
	case UDP:
		return newUDP(g)
	}
	return newEcho(g)
}
