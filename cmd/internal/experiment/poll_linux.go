package experiment

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

var polling = Experiment{
	Name:    "poll",
	Shows:   "an array that can be used again, and answers that nobody asked for",
	Expects: "a POLLIN; then a POLLIN|POLLHUP; then r POLLHUP alone; then r POLLNVAL beside w POLLERR",
	run: func(l *lab) string {
		var seen []string
		l.step("a socket and the reading end of a pipe, both asked about with POLLIN")
		a, b := l.pair("a", "b")
		r, w := l.pipe("r", "w")
		fds := []pollEntry{{a, unix.POLLIN, 0}, {r, unix.POLLIN, 0}}
		l.poll(fds)

		l.step("b sends; the same array does again, since the answers have a field of their own")
		l.send(b, "x")
		seen = append(seen, l.poll(fds))

		l.step("b is closed, with its byte unread: POLLHUP comes unasked, beside POLLIN")
		l.close(b)
		seen = append(seen, l.poll(fds))

		l.step("a is left out (its entry is negative, which poll skips); w, the writing end, is closed")
		l.close(w)
		fds[0].fd = -1
		seen = append(seen, l.poll(fds))
		l.note("a pipe whose writer has gone is hung up and not readable: who looks at POLLIN only never wakes")
		l.read(r, 16)

		l.step("another pipe, whose reading end is closed; r is closed as well, and left in the array")
		r2, w2 := l.pipe("r2", "w")
		l.close(r2)
		l.close(r)
		seen = append(seen, l.poll([]pollEntry{{r, unix.POLLIN, 0}, {w2, 0, 0}}))
		l.note("POLLNVAL names the number that is not open, and the others are answered all the same")
		return fmt.Sprintf("%s; then %s; then %s alone; then %s", seen[0], seen[1], seen[2], strings.ReplaceAll(seen[3], ", ", " beside "))
	},
}

// pollEntry is struct pollfd.
type pollEntry struct {
	file
	events, revents int16
}

// poll is poll(2); it does not wait. It returns what was answered, with names.
func (l *lab) poll(entries []pollEntry) string {
	var asked, found []string
	fds := make([]unix.PollFd, len(entries))
	for i, e := range entries {
		fds[i] = unix.PollFd{Fd: int32(e.fd), Events: e.events}
		name := e.name
		if e.fd < 0 {
			name = "-1"
		}
		asked = append(asked, "{"+name+", "+pollNames(e.events)+"}")
	}
	n, err := unix.Poll(fds, 0)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Poll(fds, 0)
	}
	l.must("poll", err)
	for i, f := range fds {
		if f.Revents != 0 {
			found = append(found, entries[i].name+" "+pollNames(f.Revents))
		}
	}
	answer := fmt.Sprint(n)
	if n > 0 {
		answer += ": " + strings.Join(found, ", ")
	}
	l.call(fmt.Sprintf("poll([%s], %d, 0)", strings.Join(asked, ", "), len(fds)), answer)
	return strings.Join(found, ", ")
}

func pollNames(bits int16) string {
	var words []string
	for _, b := range []struct {
		bit  int16
		name string
	}{{unix.POLLIN, "POLLIN"}, {unix.POLLOUT, "POLLOUT"}, {unix.POLLERR, "POLLERR"}, {unix.POLLHUP, "POLLHUP"}, {unix.POLLNVAL, "POLLNVAL"}} {
		if bits&b.bit != 0 {
			words = append(words, b.name)
		}
	}
	if words == nil {
		return "0"
	}
	return strings.Join(words, "|")
}
