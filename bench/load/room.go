//go:build linux

package load

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

const (
	// longestRoomPause is between probes where members are many.
	longestRoomPause = int64(500 * time.Millisecond)
	// speakerAhead bounds the bytes that wait for a server that does not read its
	// speaker, linesAhead the lines that wait for one that reads and does not deliver.
	speakerAhead = 1 << 20
	linesAhead   = 1 << 20
)

// roomful is the traffic of a chat as applications have it: a speaker, who says its lines
// at their times whatever happens, and many members who hear them. The server may put
// something before a line, and say what it likes in between; what the speaker said is
// found in it, and every member has to get all of it, in order.
//
// Who has joined is found out with probes, as [chat] does. A server that is still
// letting members in is not kept from it: the next probe leaves when all who have
// joined have heard the last one.
//
// A server may drop a member that it thinks too slow. That is counted, and such a
// member is owed nothing any more; but the speaker must stay.
type roomful struct {
	simple
	speech  speech
	hearers []*hearer
	kind    uint32 // of the lines that are said now
	sent    uint64 // lines of that kind

	joined  int    // hearers that have heard any probe
	current int    // of these, who has heard the last
	pause   int64  // behind the next probe
	next    int64  // when it may leave
	epoch   int64  // when the first line was meant to leave
	here    int    // hearers that were not dropped
	first   uint64 // the oldest line that somebody lacks
	lacking []int  // from that one on, how many lack each
	waits   int64  // since when a line has been waiting for the speaker's socket; -1: none is
}

func newRoom(g *generator) *roomful {
	return &roomful{
		simple:  simple{g},
		speech:  newSpeech(g.Size),
		hearers: make([]*hearer, g.Conns),
		kind:    probeLine,
		pause:   shortestPause,
		here:    g.Conns - 1,
		waits:   -1,
	}
}

func (r *roomful) speaker() *hearer { return r.hearers[0] }

func (r *roomful) connect() error {
	err := r.dial(r.Conns, func(id, fd int) error {
		m := &hearer{socket: socket{fd: fd, id: uint32(id)}, room: r}
		r.hearers[id] = m
		r.attach(fd, m)
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range r.hearers {
		if err := r.watch(&m.socket, iomux.Readable); err != nil {
			return err
		}
	}
	r.every = shortestPause
	return r.probe(r.now())
}

// probe says the next probe.
func (r *roomful) probe(now int64) error {
	var p [LeastRoomLine]byte
	r.speech.fill(p[:], probeLine, r.sent)
	r.sent++
	r.current = 0
	r.next = now + r.pause
	r.pause = min(2*r.pause, longestRoomPause)
	return r.say(p[:])
}

// probed notes that a hearer has heard a probe.
func (r *roomful) probed(m *hearer) {
	r.heard = r.now()
	if m.next == r.sent {
		r.current++
	}
}

func (r *roomful) settled() bool { return r.current == r.Conns-1 }

// tick sends another probe, once all who have joined have heard the last one: then the
// server has dealt with it.
func (r *roomful) tick(now int64) error {
	if r.phase > settling || now < r.next || r.current < r.joined {
		return nil
	}
	return r.probe(now)
}

func (r *roomful) start(now int64) error {
	r.every = tick
	r.result.Connected = r.Conns
	r.kind, r.sent, r.epoch = burstLine, 0, now
	for _, m := range r.hearers {
		m.next = 0
	}
	return nil
}

// meant is when line seq is to leave: those of a burst together.
func (r *roomful) meant(seq uint64) int64 {
	burst := seq / uint64(r.Depth) * uint64(r.Depth)
	return r.epoch + int64(float64(burst)*1e9/r.Rate)
}

// due says what is to be said by now.
func (r *roomful) due(now int64) (time.Duration, error) {
	if r.phase < warming || r.phase >= draining {
		return iomux.Forever, nil
	}
	last := now
	if r.phase == measuring {
		last = min(now, r.to-1)
	}
	if err := r.speak(last, now); err != nil {
		return 0, err
	}
	if !r.mayspeak() {
		return iomux.Forever, nil
	}
	left := time.Duration(r.meant(r.sent) - r.now())
	if left < awake {
		return 0, nil
	}
	return left - awake, nil
}

// mayspeak reports whether there is still something to say, and room for it.
func (r *roomful) mayspeak() bool {
	return (r.Messages == 0 || r.issued < r.Messages) && len(r.speaker().rest) < speakerAhead && len(r.lacking) < linesAhead
}

// speak says what was meant to be said at the latest at last, burst by burst.
func (r *roomful) speak(last, now int64) error {
	for r.mayspeak() && r.meant(r.sent) <= last {
		at := r.meant(r.sent)
		p := r.out[:r.Depth*r.Size]
		for i := range r.Depth {
			r.speech.fill(p[i*r.Size:][:r.Size], burstLine, r.sent)
			r.sent++
			r.lacking = append(r.lacking, r.here)
		}
		r.issued += int64(r.Depth) * int64(r.here)
		if err := r.say(p); err != nil {
			return err
		}
		r.lag(at, now)
	}
	return nil
}

// say has the speaker write p, behind what waits already.
func (r *roomful) say(p []byte) error {
	m := r.speaker()
	if len(m.rest) > 0 {
		m.rest = append(m.rest, p...)
		return nil
	}
	if err := r.put(&m.socket, p); err != nil {
		return r.broken(m, err)
	}
	return r.watch(&m.socket, m.wants())
}

// resume writes what the kernel would not take of what the speaker said.
func (r *roomful) resume() error {
	m := r.speaker()
	if err := flush(&m.socket); err != nil {
		return r.broken(m, err)
	}
	if r.waits >= 0 {
		r.lag(r.waits, r.now())
	}
	return r.watch(&m.socket, m.wants())
}

// lag notes how late a line that was meant to leave at a time did, or that it still waits.
func (r *roomful) lag(at, now int64) {
	switch waiting := len(r.speaker().rest) > 0; {
	case !waiting:
		r.waits = -1
		if r.phase >= measuring && at >= r.from {
			r.result.Lag = max(r.result.Lag, time.Duration(now-at))
		}
	case r.waits < 0:
		r.waits = at
	}
}

// delivered counts the lines from one to another, that a hearer has got at now. The
// latency that is kept of a line is that to the last of its hearers.
func (r *roomful) delivered(from, to uint64, now int64) {
	if from == to {
		return
	}
	r.count(int64(to-from), now)
	if r.phase == draining {
		r.until = now + int64(r.Patience) // as long as something comes
	}
	r.settle(from, to, now)
}

// settle notes that somebody lacks the lines from one to another no more.
func (r *roomful) settle(from, to uint64, now int64) {
	for seq := from; seq < to; seq++ {
		n := &r.lacking[seq-r.first]
		if *n--; *n > 0 {
			continue
		}
		if at := r.meant(seq); r.phase >= measuring && at >= r.from && at < r.to {
			r.keep(now-at, 1)
		}
	}
	for len(r.lacking) > 0 && r.lacking[0] == 0 {
		r.lacking = r.lacking[1:]
		r.first++
	}
}

// broken takes in that a connection has ended.
func (r *roomful) broken(m *hearer, err error) error {
	switch {
	case r.phase == ending && leftBy(err): // it is what was asked for, in a rough way
		r.open--
		return r.watch(&m.socket, 0)
	case r.phase == settling || m == r.speaker() || !leftBy(err):
		return broken(&m.socket, int64(m.next), err)
	}
	if err := r.drop(m); err != nil {
		return err
	}
	if r.here == 0 {
		return fmt.Errorf("load: all %d members were dropped", r.Conns-1)
	}
	return nil
}

// drop forgets a member that the server has dropped, and what it is owed.
func (r *roomful) drop(m *hearer) error {
	r.result.Dropped++
	r.here--
	if err := r.watch(&m.socket, 0); err != nil {
		return err
	}
	m.close()
	r.issued -= int64(r.sent - m.next)
	r.settle(m.next, r.sent, r.now())
	return nil
}

// drain says what is still to be said of what the window has, and notes how much was
// on its way when it ended.
func (r *roomful) drain(now int64) error {
	r.result.Backlog = r.issued - r.answered
	return r.speak(min(r.to-1, now), now)
}

// stalled tells a server that is silent from one that has lost something: when one
// member has a line that another should have as well, it was lost.
func (r *roomful) stalled(now int64) error {
	behind, ahead := (*hearer)(nil), uint64(0)
	least := uint64(math.MaxUint64)
	for _, m := range r.hearers[1:] {
		if m.fd < 0 || !m.joined {
			continue
		}
		if ahead = max(ahead, m.next); m.next < least {
			behind, least = m, m.next
		}
	}
	switch {
	case behind != nil && least < ahead:
		return fmt.Errorf("%w: member %d has %d of the %d lines that others have, and no more for %v", ErrWrongEcho, behind.id, least, ahead, r.Patience)
	case r.phase == settling:
		return fmt.Errorf("load: %d of %d members have joined, and no more for %v", r.joined, r.Conns-1, r.Patience)
	}
	return r.simple.stalled(now)
}

func (r *roomful) goodbye(int64) error {
	for _, m := range r.hearers {
		if m.fd < 0 {
			continue
		}
		err := r.finish(&m.socket)
		if m != r.speaker() && errors.Is(err, unix.ENOTCONN) { // at the last moment
			err = r.drop(m)
		}
		if err != nil {
			return broken(&m.socket, int64(m.next), err)
		}
	}
	return nil
}

func (r *roomful) close() {
	for _, m := range r.hearers {
		if m != nil {
			m.close()
		}
	}
}
