//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "runtime"

// What these systems have: macOS has no SOCK_SEQPACKET.
const abstractNames = false

var seqpackets = runtime.GOOS != "darwin"

// optionTest are options and what getsockopt(2) says of them.
type optionTest struct {
	options SocketOptions
	want    []struct{ level, opt, want int }
}

// ofDial are the options without those of a listener.
func (o optionTest) ofDial() SocketOptions {
	s := o.options
	s.DeferAccept, s.FastOpen = 0, 0
	return s
}

var optionTests = []optionTest{{options: SocketOptions{}}}
