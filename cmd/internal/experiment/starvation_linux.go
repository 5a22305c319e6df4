package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	greed  = 1000 // reads, after which the experiment gives up waiting for EAGAIN
	budget = 16   // reads that one descriptor gets at a time
)

var starvation = Experiment{
	Name:    "starvation",
	Shows:   "a loop that reads until EAGAIN serves nobody else while one client is fast",
	Expects: "read until EAGAIN: 1000 reads of a, 0 of c; at most 16 reads a turn: 16 of a, 1 of c; one event a wait: a c e a c e",
	run: func(l *lab) string {
		l.step("a and c are ready; the client behind a sends more after each read, as a fast one does")
		a, b := l.pair("a", "b")
		c, d := l.pair("c", "d")
		for _, f := range []file{a, c} {
			l.nonblock(f)
		}
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN)
		l.add(ep, c, unix.EPOLLIN)
		l.send(b, "more")
		l.send(d, "me, too")
		batch := l.wait(ep, 8)

		l.step("a loop that reads each until EAGAIN, and is stopped here after %d reads", greed)
		greedy := l.serve(batch, greed, greed, map[string]file{"a": a, "c": c}, b)

		l.step("a loop that gives each at most %d reads a turn; what is left is reported again", budget)
		fair := l.serve(batch, budget, greed, map[string]file{"a": a, "c": c}, b)

		l.step("three are ready, and there is room for one event: does epoll_wait always report the first?")
		e, f := l.pair("e", "f")
		l.add(ep, e, unix.EPOLLIN)
		l.send(f, "and me")
		l.send(d, "again")
		turns := ""
		for range 6 {
			for _, r := range l.wait(ep, 1) {
				turns += " " + r.name
			}
		}
		l.note("what was reported goes to the end of the list of those that are ready")
		return fmt.Sprintf("read until EAGAIN: %d reads of a, %d of c; at most %d reads a turn: %d of a, %d of c; one event a wait:%s",
			greedy["a"], greedy["c"], budget, fair["a"], fair["c"], turns)
	},
}

// serve goes through a batch, as a loop does, and reads each until EAGAIN, but at most
// each reads of one and most in all. The client sends more after each read of a. It
// returns how many reads each got.
func (l *lab) serve(batch []event, each, most int, files map[string]file, client file) map[string]int {
	reads := map[string]int{}
	for _, r := range batch {
		buf := make([]byte, 16)
		for reads[r.name] < each && reads["a"]+reads["c"] < most {
			_, err := read(files[r.name].fd, buf)
			if errnoName(err) == "EAGAIN" {
				break
			}
			l.must("read", err)
			reads[r.name]++
			if r.name == "a" {
				_, err := unix.Write(client.fd, []byte("more"))
				l.must("write", err)
			}
		}
	}
	l.call("reads of a", fmt.Sprint(reads["a"]))
	l.call("reads of c", fmt.Sprint(reads["c"]))
	return reads
}
