package experiment

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// fdSetSize is FD_SETSIZE of the C libraries.
const fdSetSize = 1024

var selecting = Experiment{
	Name:    "select",
	Shows:   "sets that must be built anew for each call, and the limit of 1024",
	Expects: "the answer overwrote the question; beyond 1024 the kernel went on; one closed number failed the whole call",
	run: func(l *lab) string {
		l.step("two pairs; select is asked about a and c, and told not to wait")
		a, b := l.pair("a", "b")
		c, _ := l.pair("c", "d")
		set := l.setOf(a, c)
		l.selectRead(set, a, c)
		l.note("the set now holds %s: what was put in must be put in again", l.inSet(set, a, c))
		cleared := l.inSet(set, a, c) == "nothing"

		l.step("b sends; the question is put again, from the beginning")
		l.send(b, "x")
		set = l.setOf(a, c)
		l.selectRead(set, a, c)
		left := l.inSet(set, a, c)
		l.note("the set now holds %s", left)

		l.step("a gets a second number, beyond FD_SETSIZE, which is %d", fdSetSize)
		fd, err := unix.FcntlInt(uintptr(a.fd), unix.F_DUPFD_CLOEXEC, fdSetSize)
		l.must("a number beyond 1024, which the limit must allow (ulimit -n)", err)
		high := l.own(fd, "high")
		l.call("fcntl(a, F_DUPFD, 1024)", "high")
		l.note("FD_SET(high, &set) of the C library would write behind the end of its fd_set")
		set = l.setOf(high)
		n, err := l.selectRead(set, high)
		l.note("with a longer set of our own, Linux looks at high as well")
		beyond := n == 1 && err == nil

		l.step("c is closed, and left in the set")
		set = l.setOf(a, c)
		l.close(c)
		_, err = l.selectRead(set, a, c)
		l.note("nothing is said of a, which is ready, nor which number was wrong")
		if cleared && left == "a" && beyond && errnoName(err) == "EBADF" {
			return "the answer overwrote the question; beyond 1024 the kernel went on; one closed number failed the whole call"
		}
		return fmt.Sprintf("cleared %v, left %s, beyond %v, with a closed one: %s", cleared, left, beyond, errnoName(err))
	},
}

// setOf is FD_ZERO and FD_SET.
func (l *lab) setOf(files ...file) (set sys.FDSet) {
	var names []string
	for _, f := range files {
		set.Grow(f.fd)
		set.Set(f.fd)
		names = append(names, f.name)
	}
	l.note("FD_ZERO(&set), and FD_SET for %s", strings.Join(names, " and "))
	return set
}

// selectRead is select(2) for reading; set has been made of files.
func (l *lab) selectRead(set sys.FDSet, files ...file) (int, error) {
	top := files[0]
	for _, f := range files {
		if f.fd > top.fd {
			top = f
		}
	}
	empty := make(sys.FDSet, len(set))
	n, errno := sys.Select(top.fd+1, set, empty, empty, 0)
	var err error
	if errno != 0 {
		err = errno
	}
	l.call("select("+top.name+"+1, &set, NULL, NULL, {0})", number(n, err))
	return n, err
}

// inSet names those of files that are in the set.
func (l *lab) inSet(set sys.FDSet, files ...file) string {
	var names []string
	for _, f := range files {
		if set.Has(f.fd) {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return "nothing"
	}
	return strings.Join(names, " and ")
}
