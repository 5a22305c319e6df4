//go:build linux

package kqueuesim

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

const forever = math.MaxInt64

// own is how many entries of fds are the queue's, ahead of the knotes'.
const own = 3

// wait fills events with what has happened, at least one unless timeout passes
// first. As in the kernel, a signal ends it with EINTR.
func (q *queue) wait(events []sys.Kevent, timeout time.Duration) (int, sys.Errno) {
	end := time.Now().Add(timeout) // without meaning when there is no end
	for left := timeout; ; {
		q.prepare()
		_, errno := sys.Poll(q.fds, left)
		n, again := q.finish(events, errno)
		switch {
		case errno != 0:
			return -1, errno
		case n > 0:
			return n, 0
		case timeout != forever:
			if left = max(time.Until(end), 0); left == 0 && !again {
				return 0, 0
			}
		}
	}
}

// prepare lists what to poll: the queue's own descriptors, and those of the
// knotes that may have something to report.
func (q *queue) prepare() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = true
	q.asked = append(q.asked[:0], q.order...)
	q.fds = append(q.fds[:0],
		unix.PollFd{Fd: int32(q.handle), Events: unix.POLLIN},
		unix.PollFd{Fd: int32(q.edges.read), Events: unix.POLLIN},
		unix.PollFd{Fd: int32(q.edges.write), Events: unix.POLLIN})
	for _, k := range q.asked {
		if k.at = 0; k.quiet() {
			continue
		}
		for len(q.place) <= k.ident {
			q.place = append(q.place, 0)
		}
		i := q.place[k.ident]
		if i < own || int(i) >= len(q.fds) || q.fds[i].Fd != int32(k.ident) {
			i = int32(len(q.fds))
			q.place[k.ident] = i
			q.fds = append(q.fds, unix.PollFd{Fd: int32(k.ident)})
		}
		q.fds[i].Events |= k.wants()
		k.at = i
	}
}

// finish turns the answer of poll into events, at most as many as there is room
// for. again: there may be more to say now than what poll was asked about.
func (q *queue) finish(events []sys.Kevent, errno sys.Errno) (n int, again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = false
	if errno != 0 {
		return 0, false
	}
	if q.fds[0].Revents != 0 {
		var count [8]byte
		_, _ = sys.Read(q.handle, count[:])
		again = true
	}
	// What happens up to here goes into one report with what poll has seen,
	// for the caller will find it all.
	if q.edges.collect(q.knotes) {
		again = true
	}
	for _, k := range q.asked {
		if n == len(events) {
			break
		}
		if k.at == 0 || k.bits(q.fds) == 0 || q.knotes[k.key] != k {
			continue
		}
		if file, _ := fileOf(k.ident); file != k.file {
			q.drop(k) // closed, and the knote with it
			continue
		}
		events[n] = k.event(k.bits(q.fds))
		n++
		k.happened = false
		k.reported = true
		if k.flags&sys.EvOneShot != 0 {
			q.drop(k)
		}
	}
	if n > 0 {
		q.rotate()
	}
	return n, again
}

// rotate moves what was just reported to the end of the line.
func (q *queue) rotate() {
	waiting, served := q.order[:0], q.asked[:0]
	for _, k := range q.order {
		if k.reported {
			k.reported = false
			served = append(served, k)
		} else {
			waiting = append(waiting, k)
		}
	}
	q.order = append(waiting, served...)
	q.asked = served
}
