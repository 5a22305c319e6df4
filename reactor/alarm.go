//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "time"

// ringer is what an alarm calls: a Timer, or a Conn with a deadline.
type ringer interface {
	// ring is called when the alarm is due, and no longer set. now is the
	// loop's time as the phase of timers began.
	ring(now time.Duration)
	// turn tells alarms of one moment apart: the lower one rings first.
	turn() uint64
	// moved tells where in the heap the alarm is; notSet: not there any more.
	moved(index int32)
}

// alarm is a time and whom to call then.
type alarm struct {
	at  time.Duration // since the loop's epoch
	who ringer
}

// alarms is a loop's heap of them, the earliest first. Each of its owners has one
// at most and knows its place: that is what makes a change cheap.
type alarms []alarm

const notSet int32 = -1

// next is when the earliest is due.
func (h alarms) next() (at time.Duration, ok bool) {
	if len(h) == 0 {
		return 0, false
	}
	return h[0].at, true
}

// set has who called at a time; index is its place, notSet if it has none yet.
func (h *alarms) set(index int32, who ringer, at time.Duration) {
	i := int(index)
	if index == notSet {
		i = len(*h)
		*h = append(*h, alarm{})
	}
	(*h)[i] = alarm{at, who}
	who.moved(int32(i))
	h.settle(i)
}

// remove takes the alarm at index out.
func (h *alarms) remove(index int32) {
	old := *h
	i, last := int(index), len(old)-1
	old[i].who.moved(notSet)
	if i != last {
		old[i] = old[last]
		old[i].who.moved(index)
	}
	old[last] = alarm{}
	*h = old[:last]
	if cap(old) > 1024 && last < cap(old)/4 {
		*h = append(make(alarms, 0, cap(old)/2), old[:last]...) // after a flood
	}
	if i != last {
		h.settle(i)
	}
}

// settle moves the alarm at i up or down to where it belongs.
func (h *alarms) settle(i int) {
	s := *h
	for i > 0 && s.before(i, (i-1)/2) {
		s.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := 2*i + 1
		if least >= len(s) {
			return
		}
		if right := least + 1; right < len(s) && s.before(right, least) {
			least = right
		}
		if !s.before(least, i) {
			return
		}
		s.swap(i, least)
		i = least
	}
}

// before reports whether the alarm at i rings before the one at j.
func (h alarms) before(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].who.turn() < h[j].who.turn()
}

func (h alarms) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].who.moved(int32(i))
	h[j].who.moved(int32(j))
}

// fire calls what was due when the phase began, at l.fired. What is set meanwhile
// is for later than that, see Timer.Reset, so this ends, also when a call panics
// and the phase is entered again. An alarm is taken out before its call, which
// may not return.
func (l *Loop) fire() {
	for len(l.alarms) > 0 && l.alarms[0].at <= l.fired {
		who := l.alarms[0].who
		l.alarms.remove(0)
		l.counts.Alarms++
		l.watched.step()
		who.ring(l.fired)
	}
}
