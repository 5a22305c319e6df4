package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var emfile = Experiment{
	Name:    "emfile",
	Shows:   "no descriptor is left, and the client that cannot be accepted keeps the listener readable",
	Expects: "EMFILE, and the listener was reported again and again; with the spare descriptor given up the client was let in, and sent away",
	run: func(l *lab) string {
		l.step("a listener; a spare descriptor, for bad times; a client connects")
		ln, address := l.listener("ln")
		ep := l.epoll("ep")
		l.add(ep, ln, unix.EPOLLIN)
		client := l.dial("cl", address)
		l.awaitInput(ln)
		spare := l.spare()

		l.step("no more descriptors than there are now: RLIMIT_NOFILE is lowered")
		raise := l.lower()
		first := l.wait(ep, 8)
		_, err := l.tryAccept(ln)

		l.step("the client still waits to be accepted, so the next wait returns at once, and so on for ever")
		again := l.wait(ep, 8)
		_, err2 := l.tryAccept(ln)
		l.wait(ep, 8)
		l.note("this is a processor at 100 %%, and a log that fills the disk")

		l.step("the spare is given up: its number is free for an accept, and the client is sent away")
		l.close(spare)
		conn, err3 := l.tryAccept(ln)
		if err3 == nil {
			l.close(conn)
		}
		l.spare()
		quiet := l.wait(ep, 8)
		raise()
		l.awaitInput(client)
		text, end := l.read(client, 16)
		if len(first) == 1 && errnoName(err) == "EMFILE" && len(again) == 1 && errnoName(err2) == "EMFILE" && err3 == nil && len(quiet) == 0 && text == "" && end == nil {
			return "EMFILE, and the listener was reported again and again; with the spare descriptor given up the client was let in, and sent away"
		}
		return fmt.Sprintf("%d reports, %s, %d reports, %s, then %s, %d reports; the client read %q %s", len(first), errnoName(err), len(again), errnoName(err2), errnoName(err3), len(quiet), text, errnoName(end))
	},
}

// spare opens a descriptor that is good for nothing but to be closed.
func (l *lab) spare() file {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	l.must("open", err)
	l.call(`open("/dev/null", O_RDONLY)`, "spare")
	return l.own(fd, "spare")
}

// tryAccept accepts, or not.
func (l *lab) tryAccept(ln file) (file, error) {
	fd, _, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	text := "accept4(" + ln.name + ", NULL, NULL, SOCK_NONBLOCK)"
	if err != nil {
		l.call(text, failed(err))
		return file{}, err
	}
	l.call(text, "conn")
	return l.own(fd, "conn"), nil
}

// lower has the process have as many descriptors as it has at the moment, until raise.
// The limit is one of numbers: those below the lowest that is free are all in use.
func (l *lab) lower() (raise func()) {
	var limit unix.Rlimit
	l.must("getrlimit", unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &limit))
	next, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
	l.must("dup", err)
	l.must("close", unix.Close(next))
	lower := unix.Rlimit{Cur: uint64(next), Max: limit.Max}
	l.must("setrlimit", unix.Prlimit(0, unix.RLIMIT_NOFILE, &lower, nil))
	l.call("setrlimit(RLIMIT_NOFILE, as many as are open)", "0")
	raised := false
	raise = func() {
		if raised {
			return
		}
		l.must("setrlimit", unix.Prlimit(0, unix.RLIMIT_NOFILE, &limit, nil))
		raised = true
	}
	l.later(raise)
	return raise
}
