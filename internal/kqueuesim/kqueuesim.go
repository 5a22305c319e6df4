//go:build linux

package kqueuesim

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

func init() {
	sys.SetKqueue(sys.KqueueCalls{Kqueue: kqueue, Kevent: kevent, Close: closeQueue})
}

// queues are the open ones, by handle: a real descriptor, so that a leak shows.
var queues sync.Map // int to *queue

// queue is one kqueue.
type queue struct {
	handle int // an eventfd: a change made during a wait interrupts its poll

	mu      sync.Mutex
	knotes  map[key]*knote
	order   []*knote // next to be reported first
	edges   edges
	waiting bool

	// Of the goroutine that waits only.
	fds   []unix.PollFd
	place []int32 // by descriptor: where in fds it stands, if that entry is its own
	asked []*knote
}

type key struct {
	ident  int
	filter sys.KFilter
}

func kqueue() (int, sys.Errno) {
	handle, errno := sys.Eventfd()
	if errno == 0 {
		queues.Store(handle, &queue{handle: handle, knotes: map[key]*knote{}, edges: noEdges})
	}
	return handle, errno
}

func closeQueue(kq int) sys.Errno {
	v, ok := queues.LoadAndDelete(kq)
	if !ok {
		return unix.EBADF
	}
	q := v.(*queue)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.edges.close()
	return sys.Close(kq)
}

func kevent(kq int, changes, events []sys.Kevent, timeout time.Duration) (int, sys.Errno) {
	v, ok := queues.Load(kq)
	if !ok {
		return -1, unix.EBADF
	}
	q := v.(*queue)
	for _, c := range changes {
		if errno := q.change(c); errno != 0 {
			return -1, errno
		}
	}
	if len(events) == 0 {
		return 0, 0
	}
	return q.wait(events, timeout)
}

// change applies one entry of a change list.
func (q *queue) change(c sys.Kevent) sys.Errno {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.Filter != sys.FilterRead && c.Filter != sys.FilterWrite {
		return unix.EINVAL
	}
	at := key{c.Ident, c.Filter}
	file, errno := fileOf(c.Ident)
	k := q.knotes[at]
	if k != nil && k.file != file {
		q.drop(k) // closed since, and the knote with it
		k = nil
	}
	switch {
	case errno != 0:
		return errno
	case c.Flags&sys.EvDelete != 0 && k != nil:
		q.drop(k)
	case c.Flags&sys.EvAdd != 0 && k != nil:
		// Its flags stay as they were, but it is looked at afresh.
		if k.flags&sys.EvClear != 0 {
			errno = q.edges.add(k.key)
		}
	case c.Flags&sys.EvAdd != 0:
		k = &knote{key: at, file: file, flags: c.Flags & (sys.EvClear | sys.EvOneShot)}
		q.knotes[at] = k
		q.order = append(q.order, k)
		if k.flags&sys.EvClear != 0 {
			if errno = q.edges.add(k.key); errno != 0 {
				q.drop(k)
			}
		}
	default:
		return unix.ENOENT
	}
	if q.waiting {
		q.interrupt()
	}
	return errno
}

// drop removes k from the queue.
func (q *queue) drop(k *knote) {
	delete(q.knotes, k.key)
	q.order = slices.DeleteFunc(q.order, func(o *knote) bool { return o == k })
	if k.flags&sys.EvClear != 0 {
		q.edges.remove(k.key)
	}
}

// interrupt ends the poll of the goroutine that waits, which then looks again
// at what there is to wait for.
func (q *queue) interrupt() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = sys.Write(q.handle, one[:]) // full means that it will be woken anyway
}
