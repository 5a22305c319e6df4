package reactor

import (
	"time"

	"golang.org/x/sys/unix"
)

// What Linux has.
const (
	abstractNames = true
	seqpackets    = true
)

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

var optionTests = []optionTest{
	{SocketOptions{}, []struct{ level, opt, want int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0},
	}},
	{SocketOptions{Nagle: true}, []struct{ level, opt, want int }{{unix.IPPROTO_TCP, unix.TCP_NODELAY, 0}}},
	{SocketOptions{
		KeepAlive:   KeepAlive{Idle: 60 * time.Second, Interval: 9500 * time.Millisecond, Count: 3},
		UserTimeout: 30 * time.Second,
		ReadBuffer:  64 << 10, WriteBuffer: 32 << 10,
		FastOpen: 16,
		DSCP:     46,
	}, []struct{ level, opt, want int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30000},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, 128 << 10},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, 64 << 10},
		{unix.IPPROTO_IP, unix.IP_TOS, 46 << 2},
	}},
}
