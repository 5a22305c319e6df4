package sys

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// hookedSocketCalls are the calls on sockets, and on what belongs to them, for
// hookedCalls.
func hookedSocketCalls(t *testing.T) []hooked {
	none := result
	socket := func(family, typ int) int {
		fd, e := Socket(family, typ)
		ok(t, e)
		t.Cleanup(func() { _ = Close(fd) })
		return fd
	}
	_, where := listener(t, "127.0.0.1")
	to := addrPort(where)
	_, whereUnix := listener(t, "")
	path := whereUnix.(*unix.SockaddrUnix).Name
	tcp, tcp6 := socket(unix.AF_INET, unix.SOCK_STREAM), socket(unix.AF_INET6, unix.SOCK_DGRAM)
	stream, named := socket(unix.AF_UNIX, unix.SOCK_STREAM), socket(unix.AF_UNIX, unix.SOCK_DGRAM)
	udp, peer := datagramPair(t, "127.0.0.1")
	peerAddr, e := Getsockname(peer)
	ok(t, e)
	ok(t, Connect(udp, peerAddr))
	r, _ := pipe(t)
	a, b := unixPair(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	var lock int
	abstract := fmt.Sprintf("@iomux/%d\x00", os.Getpid())
	in, out := NewBatch(100), NewSendBatch(1000)
	group, group6 := netip.MustParseAddr("239.1.2.3"), netip.MustParseAddr("ff02::4:5")
	return []hooked{
		{"Connect", func(*testing.T) (int, Errno) { return none(Connect(tcp, to)) }, `connect\(\d+, 127\.0\.0\.1:\d+\) = -1 EINPROGRESS`},
		{"ConnectUnix", func(*testing.T) (int, Errno) { return none(ConnectUnix(stream, path)) },
			`connect\(\d+, ` + strconv.Quote(path) + `\) = 0`},
		{"PeerCredentials", func(*testing.T) (int, Errno) { _, e := PeerCredentials(stream); return none(e) },
			fmt.Sprintf(`getsockopt\(\d+, %d, PEERCRED\) = 0 \[pid %d, uid %d, gid %d\]`, unix.SOL_SOCKET, os.Getpid(), os.Geteuid(), os.Getegid())},
		{"BindUnix", func(*testing.T) (int, Errno) { return none(BindUnix(named, abstract)) }, `bind\(\d+, "@iomux/\d+\\x00"\) = 0`},
		{"UnixName", func(*testing.T) (int, Errno) { _, e := UnixName(named); return none(e) }, `getsockname\(\d+\) = 0 \["@iomux/\d+\\x00"\]`},
		{"Getpeername", func(*testing.T) (int, Errno) { _, e := Getpeername(udp); return none(e) }, `getpeername\(\d+\) = 0 \[127\.0\.0\.1:\d+\]`},
		{"GetsockoptInt", func(*testing.T) (int, Errno) {
			_, e := GetsockoptInt(udp, unix.SOL_SOCKET, unix.SO_TYPE)
			return none(e)
		},
			fmt.Sprintf(`getsockopt\(\d+, %d, %d\) = 0 \[%d\]`, unix.SOL_SOCKET, unix.SO_TYPE, unix.SOCK_DGRAM)},
		{"SetLinger", func(*testing.T) (int, Errno) { return none(SetLinger(tcp, 3)) },
			fmt.Sprintf(`setsockopt\(\d+, %d, %d, \{1, 3\}\) = 0`, unix.SOL_SOCKET, unix.SO_LINGER)},
		{"Unsent", func(*testing.T) (int, Errno) { _, e := Unsent(udp); return none(e) }, `ioctl\(\d+, OUTQ\) = 0 \[0\]`},

		{"SendBatch.Send", func(*testing.T) (int, Errno) {
			out.Add([]byte("abc"), netip.AddrPort{}, "")
			out.Add([]byte("de"), netip.AddrPort{}, "")
			n, e := out.Send(udp, false)
			if e != 0 {
				return -1, e
			}
			return n, 0
		}, `sendmmsg\(\d+, 2 datagrams, 5 bytes\) = 2`},
		{"Batch.Recv", func(*testing.T) (int, Errno) {
			n, e := in.Recv(peer, BatchSize)
			if e != 0 {
				return -1, e
			}
			return n, 0
		}, `recvmmsg\(\d+, 64, DONTWAIT\) = 2 \[3 2\]`},
		{"Peek", func(*testing.T) (int, Errno) { return Peek(peer, make([]byte, 10)) }, `recvfrom\(\d+, 10, PEEK\|DONTWAIT\) = -1 EAGAIN`},
		{"Recv", func(*testing.T) (int, Errno) { return Recv(peer, make([]byte, 10)) }, `recvfrom\(\d+, 10, TRUNC\) = -1 EAGAIN`},

		{"JoinGroup", func(*testing.T) (int, Errno) { return none(JoinGroup(udp, group, 1)) },
			fmt.Sprintf(`setsockopt\(\d+, 0, %d, \{239\.1\.2\.3, 1\}\) = 0`, unix.IP_ADD_MEMBERSHIP)},
		{"LeaveGroup", func(*testing.T) (int, Errno) { return none(LeaveGroup(udp, group, 1)) },
			fmt.Sprintf(`setsockopt\(\d+, 0, %d, \{239\.1\.2\.3, 1\}\) = 0`, unix.IP_DROP_MEMBERSHIP)},
		{"LeaveGroup", func(*testing.T) (int, Errno) { return none(LeaveGroup(tcp6, group6, 1)) },
			fmt.Sprintf(`setsockopt\(\d+, 41, %d, \{ff02::4:5, 1\}\) = -1 EADDRNOTAVAIL`, unix.IPV6_LEAVE_GROUP)},
		{"SetMulticastInterface", func(*testing.T) (int, Errno) { return none(SetMulticastInterface(udp, false, 1)) },
			fmt.Sprintf(`setsockopt\(\d+, 0, %d, \{1\}\) = 0`, unix.IP_MULTICAST_IF)},
		{"SetMulticastInterface", func(*testing.T) (int, Errno) { return none(SetMulticastInterface(tcp6, true, 1)) },
			fmt.Sprintf(`setsockopt\(\d+, 41, %d, 1\) = 0`, unix.IPV6_MULTICAST_IF)},
		{"SetMulticastTTL", func(*testing.T) (int, Errno) { return none(SetMulticastTTL(udp, false, 256)) },
			fmt.Sprintf(`setsockopt\(\d+, 0, %d, 256\) = -1 EINVAL`, unix.IP_MULTICAST_TTL)},
		{"SetMulticastTTL", func(*testing.T) (int, Errno) { return none(SetMulticastTTL(tcp6, true, 7)) },
			fmt.Sprintf(`setsockopt\(\d+, 41, %d, 7\) = 0`, unix.IPV6_MULTICAST_HOPS)},
		{"SetMulticastLoop", func(*testing.T) (int, Errno) { return none(SetMulticastLoop(udp, false, true)) },
			fmt.Sprintf(`setsockopt\(\d+, 0, %d, 1\) = 0`, unix.IP_MULTICAST_LOOP)},
		{"SetMulticastLoop", func(*testing.T) (int, Errno) { return none(SetMulticastLoop(tcp6, true, false)) },
			fmt.Sprintf(`setsockopt\(\d+, 41, %d, 0\) = 0`, unix.IPV6_MULTICAST_LOOP)},

		{"Fchmod", func(*testing.T) (int, Errno) { return none(Fchmod(stream, 0o640)) }, `fchmod\(\d+, 0640\) = 0`},
		{"Chmod", func(*testing.T) (int, Errno) { return none(Chmod(file, 0o640)) },
			`fchmodat\(` + strconv.Quote(file) + `, 0640, SYMLINK_NOFOLLOW\) = 0`},
		{"Lstat", func(*testing.T) (int, Errno) { _, _, _, e := Lstat(file); return none(e) },
			`lstat\(` + strconv.Quote(file) + `\) = 0 \[0100640, uid \d+, dev 0x[0-9a-f]+, ino \d+\]`},
		{"Unlink", func(*testing.T) (int, Errno) { return none(Unlink(file)) }, `unlink\(` + strconv.Quote(file) + `\) = 0`},
		{"openDir", func(t *testing.T) (int, Errno) {
			fd, e := openDir(dir)
			if e == 0 {
				lock = fd
				t.Cleanup(func() { _ = unix.Close(fd) })
			}
			return fd, e
		}, `open\(` + strconv.Quote(dir) + `, O_RDONLY\|O_DIRECTORY\|O_CLOEXEC\) = \d+`},
		{"flock", func(*testing.T) (int, Errno) { return none(flock(lock)) }, `flock\(\d+, LOCK_EX\|LOCK_NB\) = 0`},

		{"SetAffinity", func(*testing.T) (int, Errno) { return none(SetAffinity(-1)) }, `sched_setaffinity\(0, \[-1\]\) = -1 EINVAL`},
		{"Affinity", func(*testing.T) (int, Errno) { _, e := Affinity(); return none(e) }, `sched_getaffinity\(0\) = 0 \[\[\d+( \d+)*\]\]`},

		{"SetCloexec", func(*testing.T) (int, Errno) { return none(SetCloexec(r)) }, `fcntl\(\d+, F_SETFD, FD_CLOEXEC\) = 0`},
		{"SendRights", func(*testing.T) (int, Errno) { return SendRights(a, []byte("."), []int{r}) },
			`sendmsg\(\d+, 1 bytes, SCM_RIGHTS \[\d+\]\) = 1`},
		{"RecvRights", func(*testing.T) (int, Errno) {
			var files [1]int
			n, got, _, e := RecvRights(b, make([]byte, 1), files[:])
			for _, f := range files[:got] {
				_ = unix.Close(f)
			}
			return n, e
		}, `recvmsg\(\d+, 1 bytes, 1 descriptors\) = 1 \[SCM_RIGHTS \[\d+\]\]`},
		{"Socketpair", func(*testing.T) (int, Errno) {
			a, b, e := Socketpair()
			if e == 0 {
				_, _ = unix.Close(a), unix.Close(b)
			}
			return none(e)
		}, `socketpair\(UNIX, STREAM\|NONBLOCK\|CLOEXEC\) = 0`},

		{"KillGroup", func(*testing.T) (int, Errno) { return none(KillGroup(1 << 30)) }, `kill\(-1073741824, SIGKILL\) = -1 ESRCH`},
		{"AwaitExit", func(*testing.T) (int, Errno) { return none(AwaitExit(1 << 30)) },
			`waitid\(P_PID, 1073741824, WEXITED\|WNOWAIT\) = -1 ECHILD`},
		{"Exited", func(*testing.T) (int, Errno) { _, e := Exited(1 << 30); return none(e) },
			`waitid\(P_PID, 1073741824, WEXITED\|WNOWAIT\|WNOHANG\) = -1 ECHILD`},
		{"Pidfd", func(*testing.T) (int, Errno) { return Pidfd(1 << 30) }, `pidfd_open\(1073741824, NONBLOCK\) = -1 ESRCH`},
	}
}
