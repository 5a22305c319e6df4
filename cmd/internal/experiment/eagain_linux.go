package experiment

var eagain = Experiment{
	Name:    "eagain",
	Shows:   "in non-blocking mode a call that would wait says so instead",
	Expects: "EAGAIN for an empty socket, the bytes once they are there, EAGAIN again, 0 at the end",
	run: func(l *lab) string {
		l.step("two connected sockets; a is put into non-blocking mode, and b is not")
		a, b := l.pair("a", "b")
		l.nonblock(a)

		l.step("nothing was sent: where a blocking read would sleep, this one returns at once")
		_, empty := l.read(a, 16)

		l.step("something is sent, and read")
		l.send(b, "hello")
		text, err := l.read(a, 16)
		l.must("read", err)

		l.step("there is no more: EAGAIN also says that a was emptied")
		_, emptied := l.read(a, 16)

		l.step("b is closed: that is not EAGAIN, and will not change any more")
		l.close(b)
		rest, end := l.read(a, 16)
		if errnoName(empty) == "EAGAIN" && text == "hello" && errnoName(emptied) == "EAGAIN" && rest == "" && end == nil {
			return "EAGAIN for an empty socket, the bytes once they are there, EAGAIN again, 0 at the end"
		}
		return "empty: " + errnoName(empty) + ", then " + text + ", emptied: " + errnoName(emptied) + ", at the end: " + rest + errnoName(end)
	},
}
