package iomux

import "example.com/iomux/internal/sys"

// openers lists this system's backends, best first. Linux has a kqueue only
// where a test or a study brought one along.
func openers() []opener {
	list := []opener{{Epoll, openEpoll}, {Poll, openPoll}, {Select, openSelect}}
	if sys.HasKqueue() {
		list = append(list, opener{Kqueue, openKqueue})
	}
	return list
}

// pollRdHup is POLLRDHUP, which rides along with POLLIN (see epollBits).
const pollRdHup = int16(RawRdHup)
